# make run: set up, train and adapt on open pictures, print the table, build the site.  make test: set up and pass the tests.
PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# glibc must not hand memory back to the system after every training step
export MALLOC_MMAP_MAX_ := 0
export MALLOC_TRIM_THRESHOLD_ := 1000000000000
export MALLOC_TOP_PAD_ := 268435456
# where it is set, every program of a test compiles its imports anew: seconds each
unexport PYTHONDONTWRITEBYTECODE
JOBS ?= $(shell nproc)
.PHONY: run test mutants data data-research runs primary paper bench site pdf dist lab clean setup release cards

run: data
	snakemake -j $(JOBS) --config out=outputs/demo seeds=0 bases=triplet,meta-anil,meta-fixed,meta-predicted -- outputs/demo/test/emoji-demo/rows.csv
	@$(PY) -m afgsbir.runs nbs/51_demo.ipynb -o outputs/demo/51_demo.ipynb
	$(MAKE) site
	@$(PY) -m afgsbir.tables emoji --root outputs/demo
	@$(PY) .ci/ask.py outputs/demo/photos
	@echo "The site: file://$(CURDIR)/_site/index.html"

# a thread to a test: two tests with two threads each wait for each other on two cores
test: data
	OMP_NUM_THREADS=1 nbdev_test --n_workers 2
	pytest -rs

# plausible bugs, put in one at a time: a test must fail for each; slow
mutants: JOBS = 1
mutants: data
	$(PY) .ci/mutants.py -j $(JOBS)

setup: .venv/.done
.venv/.done: pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install -q --no-compile --disable-pip-version-check -e '.[dev]'
	touch $@

data: setup
	$(PY) data_prep/emoji.py

# the research collections too, where their sources are (AFGSBIR_DATA, default data/); prepared ones go to data/prepared/; V2 where its photos are
data-research: setup
	$(PY) data_prep/sketchy.py --name sketchy_mini
	$(PY) data_prep/sketchy.py --name sketchy_plus
	$(PY) data_prep/shoe304.py
	$(PY) data_prep/qmul_v1.py
	$(PY) data_prep/communication.py
	$(PY) data_prep/qmul_v2.py --where-there

# every reference run that is not there yet; needs data-research
runs: data
	snakemake -j $(JOBS) all default others cross users study folds

# the primary table: does the default adaptation pay where people draw? needs data-research; an hour and a half on 2 cores
primary: data
	snakemake -j $(JOBS) primary
	@$(PY) -m afgsbir.tables --criteria

# the paper's own configuration, for whoever has Sketchy or ShoeV2 and a GPU: says what is missing, what it will take, and ends in the paper's tables
PAPER ?=
paper: setup
	$(PY) -m afgsbir.paper $(PAPER)

# the systems that ship with the package, the same bytes on the same machine, and their cards; needs data-research
release: data
	$(PY) -m afgsbir.runs nbs/42_fit.ipynb -f nbs/settings/emoji-release.yaml -p run fit/emoji-release
	$(PY) -m afgsbir.runs nbs/42_fit.ipynb -f nbs/settings/photos-release.yaml -p run fit/photos-release
	$(PY) -m afgsbir.release emoji fit/emoji-release --about 'open pictures, no strings attached: drawings and coloured emoji' --licence 'OpenMoji CC BY-SA 4.0, Twemoji CC BY 4.0, Noto Emoji OFL 1.1'
	$(PY) -m afgsbir.release photos fit/photos-release --about 'fine-grained search of photos with drawings; trained on 104 categories of Sketchy' --licence 'trained on the Sketchy database (research use; photos from ImageNet): see its terms'
	$(MAKE) cards

# what the released systems answer through the door: on emoji, the 21 unseen Sketchy categories, sketches as drawn and centred
cards: data
	$(PY) -m afgsbir.runs nbs/48_through.ipynb -f nbs/settings/through.yaml -p run door/emoji
	$(PY) -m afgsbir.runs nbs/48_through.ipynb -f nbs/settings/through.yaml -p run door/photos -p system photos -p dataset sketchy_mini
	for s in emoji photos; do $(PY) -m afgsbir.release $$s door/$$s --scores; done

# what it costs: every comparison of speed and memory, in under 15 minutes on 2 cores; on sketchy_mini where it is prepared
BENCH_ON ?= $(if $(wildcard data/prepared/sketchy_mini/card.json),sketchy_mini,emoji)
bench: data
	$(PY) -m afgsbir.runs nbs/44_bench.ipynb -f nbs/settings/bench.yaml -p collection $(BENCH_ON)
	@$(PY) -m afgsbir.race outputs/bench/rows.csv

site: setup
	$(PY) .ci/site.py

# the book as one PDF, through Quarto and the Typst it brings (1.9.18 or later); says what is missing
pdf: setup
	$(PY) .ci/pdf.py

# what a release holds: the package, and the book as an archive that opens from a disk
dist: site
	rm -rf dist
	$(PY) -m pip wheel -q --no-deps --disable-pip-version-check -w dist .
	$(PY) -c "import shutil; shutil.make_archive('dist/afgsbir-book', 'zip', '_site')"

# your own pictures: draw, search, adapt
lab: data
	jupyter lab nbs/64_your_pictures.ipynb

clean:
	rm -rf _site _site.old _proc _stage _stage_pdf _pdf dist outputs/demo outputs/smoke .snakemake
