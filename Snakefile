# The grid of bases, steps and seeds: `make runs`, or `snakemake -j 8 --executor slurm` on a cluster.
# A finished run is skipped; `--config benchmarks=emoji seeds=0,1,2` chooses, `threads` bounds what one run may use.
import json, os, shlex

import yaml

BENCHMARKS = str(config.get('benchmarks', 'emoji,sketchy_mini,sketchy_plus')).split(',')
BASES = str(config.get('bases', 'triplet,triplet+reg,meta-anil,meta-fixed,meta-learned,meta-predicted')).split(',')
FAMILY = str(config.get('family', 'maml,fomaml,sign,sgd,layer,row,imaml,hypernet')).split(',')     # other ways to adapt, on data sets that train their own
DEEP = ('meta-maml', 'meta-fomaml', 'meta-sign')   # F moves for every draw: fewer are tested
FAMILY_ON = [d for d in ('emoji', 'sketchy_mini') if d in BENCHMARKS]
SEEDS = str(config.get('seeds', '0,1,2')).split(',')
THREADS = int(config.get('threads', 1))
LEARNED = 'csls, csls+gallery, centre'      # the steps that 42 learns; these bases take them too, so that base and step are crossed
STEPS = {'triplet': f'[nothing, finetune, {LEARNED}]', 'triplet+reg': f'[nothing, finetune, {LEARNED}]',
         'meta-anil': '[paper-fixed, nothing]', 'meta-fixed': '[paper-fixed, nothing]', 'meta-learned': '[paper-learned, nothing]',
         'meta-predicted': f'[paper-predicted, nothing, {LEARNED}]'}
STEPPED = [b for b, steps in STEPS.items() if LEARNED in steps]
TRAINED_ON = {'sketchy_plus': 'sketchy_mini'}   # whose systems a benchmark tests: sketchy_mini's never saw dog or horse
PYTHON = config.get('python', 'python')
OUT = config.get('out', os.environ.get('AFGSBIR_OUTPUTS') or 'outputs')

# whom the user level leaves out: folds of people with objects, sketchers, drawing sets
HANDS = {'communication': (0, 5, 10, 15, 16), 'shoe304': (1, 2, 3), 'emoji': ('openmoji', 'noto-300', 'noto-500', 'noto-700')}

wildcard_constraints: collection='[a-z_0-9]+', dataset='[a-z_0-9]+', base='triplet|triplet[+]reg|meta-[a-z]+', seed='[0-9]+', which='plus|fold-[0-4]', unseen='(-unseen)?', rung='lite[012]-[0-9]+', group='heads|fine', hand='|'.join(f'{d}-{h}' for d in HANDS for h in HANDS[d]), how='(-still)?', variant='[a-z0-9.-]+', walk='[0-9]', fold='[0-4]', part='(-(fold|leave)-[0-9]+)?'

# stray thread pools cost more than they bring; glibc must not hand memory back after every step
shell.prefix('set -e; export OMP_NUM_THREADS=%d MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000 MALLOC_TOP_PAD_=268435456; ' % THREADS
             + ('' if OUT == os.environ.get('AFGSBIR_OUTPUTS') else f'export AFGSBIR_OUTPUTS={shlex.quote(OUT)}; '))

UNTRAINED = [f'{OUT}/test/folds-untrained-{split}/rows.csv' for split in ('train', 'val', 'test')]

def whitened(dataset, part=''): return f'{OUT}/test/{dataset}-whitened{part}/rows.parquet'

rule all:
    input:
        expand(f'{OUT}/test/{{dataset}}-{{base}}-{{seed}}/rows.csv', dataset=BENCHMARKS, base=BASES, seed=SEEDS),
        expand(f'{OUT}/test/{{dataset}}-untrained/rows.csv', dataset=BENCHMARKS), [whitened(d) for d in BENCHMARKS],
        expand(f'{OUT}/test/{{dataset}}-{{name}}/rows.parquet', dataset=FAMILY_ON, name=['prolip', *(f'meta-{m}' for m in FAMILY)]),
        expand(f'{OUT}/test/few-{{dataset}}/rows.parquet', dataset=FAMILY_ON) if {*DEEP} & {f'meta-{m}' for m in FAMILY} else [],
        [f'{OUT}/found/emoji/shown.parquet'] if 'emoji' in BENCHMARKS else []

rule train:
    input: lambda w: f'nbs/settings/{w.collection}{"-family" if w.base.removeprefix("meta-") in FAMILY else ""}-train.yaml'
    output: f'{OUT}/fit/{{collection}}-{{base}}-{{seed}}/system-{{seed}}.safetensors'
    log: 'data/.log/train-{collection}-{base}-{seed}.log'
    threads: THREADS
    resources: gpu=1
    shell: "{PYTHON} -m afgsbir.runs nbs/40_train.ipynb -f {input} -p run fit/{wildcards.collection}-{wildcards.base}-{wildcards.seed} "
           "-p base {wildcards.base} -p seed {wildcards.seed} >{log} 2>&1"

def tested(w):
    "The run whose system is tested: a trained base, with the steps that were learned for it"
    return f'fit/{TRAINED_ON.get(w.dataset, w.dataset)}-{w.base}-{w.seed}' + ('-steps' if w.base in STEPPED else '')

rule steps:
    input:
        settings='nbs/settings/steps-fit.yaml',
        system=f'{OUT}/fit/{{collection}}-{{base}}-{{seed}}/system-{{seed}}.safetensors'
    output: f'{OUT}/fit/{{collection}}-{{base}}-{{seed}}-steps/system-{{seed}}.safetensors'
    log: 'data/.log/steps-{collection}-{base}-{seed}.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/42_fit.ipynb -f {input.settings} -p run fit/{wildcards.collection}-{wildcards.base}-{wildcards.seed}-steps "
           "-p base fit/{wildcards.collection}-{wildcards.base}-{wildcards.seed} >{log} 2>&1"

rule test:
    input:
        settings='nbs/settings/{dataset}-test.yaml',
        system=lambda w: f'{OUT}/{tested(w)}/system-{w.seed}.safetensors'
    output: f'{OUT}/test/{{dataset}}-{{base}}-{{seed}}/rows.csv'
    log: 'data/.log/test-{dataset}-{base}-{seed}.log'
    params:
        steps=lambda w: STEPS.get(w.base, '[]'),
        system=lambda w: tested(w)
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/{wildcards.dataset}-{wildcards.base}-{wildcards.seed} "
           "-p systems '[{params.system}]' -p steps '{params.steps}' >{log} 2>&1"

def seeds_of(base): return lambda w: [f'{OUT}/fit/{w.dataset}-{base or w.base}-{seed}/system-{seed}.safetensors' for seed in SEEDS]

def listed(w, input): return ', '.join(f.removeprefix(OUT+'/').rsplit('/', 1)[0] for f in input.systems)

rule family:               # a base of the family and all its seeds, with its own step and without
    input: settings='nbs/settings/{dataset}-test.yaml', systems=seeds_of('')
    output: f'{OUT}/test/{{dataset}}-{{base}}/rows.parquet'
    log: 'data/.log/test-{dataset}-{base}.log'
    params: systems=listed, step=lambda w: w.base.removeprefix('meta-'), more=lambda w: '-p n_draws 4' if w.base in DEEP else ''
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/{wildcards.dataset}-{wildcards.base} -p show_k 0 -p packed true "
           "-p protocols '[disjoint]' -p systems '[{params.systems}]' -p steps '[{params.step}, nothing]' {params.more} >{log} 2>&1"

rule few:                  # the plain base on as few draws: what those ask of methods that move F
    input: settings='nbs/settings/{dataset}-test.yaml', systems=seeds_of('triplet')
    output: f'{OUT}/test/few-{{dataset}}/rows.parquet'
    log: 'data/.log/test-few-{dataset}.log'
    params: systems=listed
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/few-{wildcards.dataset} -p show_k 0 -p packed true "
           "-p protocols '[disjoint]' -p systems '[{params.systems}]' -p steps '[nothing]' -p n_draws 4 >{log} 2>&1"

rule prolip:               # fine-tuning with a pull back, on the plain base
    input: settings='nbs/settings/{dataset}-test.yaml', systems=seeds_of('triplet')
    output: f'{OUT}/test/{{dataset}}-prolip/rows.parquet'
    log: 'data/.log/test-{dataset}-prolip.log'
    params: systems=listed
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/{wildcards.dataset}-prolip -p show_k 0 -p packed true "
           "-p protocols '[disjoint]' -p systems '[{params.systems}]' -p steps '[prolip]' >{log} 2>&1"

rule untrained:
    input: 'nbs/settings/{dataset}-test.yaml'
    output: f'{OUT}/test/{{dataset}}-untrained/rows.csv'
    log: 'data/.log/untrained-{dataset}.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input} -p run test/{wildcards.dataset}-untrained >{log} 2>&1"

rule untrained_folds:      # all categories of the folds, split by split
    input: 'nbs/settings/sketchy_mini-test.yaml'
    output: f'{OUT}/test/folds-untrained-{{split}}/rows.csv'
    log: 'data/.log/folds-untrained-{split}.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input} -p run test/folds-untrained-{wildcards.split} -p split {wildcards.split} >{log} 2>&1"

# The primary table: where people draw, five folds in six settings
rule primary:
    input:        # the systems too: where only the committed rows are there, everything is fitted and tested anew
        [f'{OUT}/{run}/people-fold-{i}/{file}' for run, file in (('test', 'rows.parquet'), ('fit', f'system-{SEEDS[0]}.safetensors')) for i in range(5)]

# The default in the paper's setting: five folds, the paper's split with the collections it then meets, emoji, and each sketcher of shoe304 left out
rule default:
    input:
        [whitened('sketchy_mini', f'-fold-{i}') for i in range(5)], [whitened('shoe304', f'-leave-{u}') for u in (1, 2, 3)],
        [whitened(d) for d in ('emoji', 'sketchy_mini', 'sketchy_plus', 'shoe304', 'qmul_chairs', 'qmul_shoes')], UNTRAINED

# Where people draw: sketches centred, a gallery of everything; the folds, and collections that were not fitted on
rule people:
    input:
        rules.primary.input, f'{OUT}/places/rows.csv', f'{OUT}/hubs/rows.parquet', f'{OUT}/gates/rows.parquet', f'{OUT}/places-unseen/rows.csv', [f'{OUT}/test/ladder-{r}/rows.parquet' for r in ('lite0-128', 'lite2-128')], f'{OUT}/test/people-plus/rows.parquet',
        [f'{OUT}/test/photos-{d}/rows.parquet' for d in ('communication', 'emoji', 'shoe304', 'qmul_chairs', 'qmul_shoes')]

rule fit_people:           # a fold is unseen; or dog and horse, which only sketchy_plus shows in full
    input: 'nbs/settings/people-fit.yaml'
    output: f'{OUT}/fit/people-{{which}}/system-{SEEDS[0]}.safetensors'
    log: 'data/.log/fit-people-{which}.log'
    params: more=lambda w: f"-p exclude '[dog, horse]' -p seeds '[{config.get('seeds', 0)}]'" if w.which == 'plus' else f'-p fold {w.which[-1]}' + (f" -p seeds '[{config['seeds']}]'" if 'seeds' in config else '')
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/42_fit.ipynb -f {input} -p run fit/people-{wildcards.which} {params.more} >{log} 2>&1"

rule test_people:
    input:
        settings='nbs/settings/people-whitened-test.yaml',
        system=f'{OUT}/fit/people-{{which}}/system-{SEEDS[0]}.safetensors'
    output: f'{OUT}/test/people-{{which}}/rows.parquet'
    log: 'data/.log/test-people-{which}.log'
    params: dataset=lambda w: 'sketchy_plus' if w.which == 'plus' else 'sketchy_mini'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/people-{wildcards.which} -p dataset {params.dataset} -p systems '[fit/people-{wildcards.which}]' >{log} 2>&1"

rule fit_photos:
    input: 'nbs/settings/photos-release.yaml'
    output: f'{OUT}/fit/photos-release/system-0.safetensors'
    log: 'data/.log/fit-photos-release.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/42_fit.ipynb -f {input} -p run fit/photos-release >{log} 2>&1"

rule test_photos:
    input: settings='nbs/settings/{dataset}-photos-test.yaml', system=f'{OUT}/fit/photos-release/system-0.safetensors'
    output: f'{OUT}/test/photos-{{dataset}}/rows.parquet'
    log: 'data/.log/test-photos-{dataset}.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/photos-{wildcards.dataset} -p systems '[fit/photos-release]' >{log} 2>&1"

def kind(w): return 'folds' if w.part.startswith('-fold') else getattr(w, 'collection', '') or w.dataset

def part_of(w):
    "Further parameters of a fit: its fold, its left-out sketcher, its seeds"
    _, name, n = w.part.split('-') if w.part else ('', '', '')
    more = dict(fold=f'-p fold {n} -p trained_on {w.collection}', leave=f"-p leave '\"{n}\"'").get(name, '')
    return more + (f" -p seeds '[{config['seeds']}]'" if 'seeds' in config else '')

rule fit:
    input: lambda w: f'nbs/settings/{kind(w)}-fit.yaml'
    output: f'{OUT}/fit/{{collection}}-whitened{{part}}/system-{SEEDS[0]}.safetensors'
    log: 'data/.log/fit-{collection}-whitened{part}.log'
    params: more=part_of
    priority: 1
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/42_fit.ipynb -f {input} -p run fit/{wildcards.collection}-whitened{wildcards.part} {params.more} >{log} 2>&1"

rule test_whitened:
    input:
        settings=lambda w: f'nbs/settings/{kind(w)}-whitened-test.yaml',
        system=lambda w: f'{OUT}/fit/{w.dataset if w.part or w.dataset == "emoji" else "sketchy_mini"}-whitened{w.part}/system-{SEEDS[0]}.safetensors'
    output: f'{OUT}/test/{{dataset}}-whitened{{part}}/rows.parquet'
    log: 'data/.log/test-{dataset}-whitened{part}.log'
    params:
        system=lambda w, input: input.system.removeprefix(OUT+'/').rsplit('/', 1)[0],
        extras=lambda w: "-p extras '[centre-alone, centre+mirror, centre+gallery, centre+mirror+gallery]'" if '-leave-' in w.part else ''
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/{wildcards.dataset}-whitened{wildcards.part} "
           "-p dataset {wildcards.dataset} -p systems '[{params.system}]' -p packed true {params.extras} >{log} 2>&1"

# What `make run` shows: every system of the emoji collection asked in one run
rule demo:
    input:
        settings='nbs/settings/emoji-test.yaml',
        trained=expand(f'{OUT}/fit/emoji-{{base}}-{{seed}}/system-{{seed}}.safetensors', base=BASES, seed=SEEDS),
        fitted=f'{OUT}/fit/emoji-whitened/system-{SEEDS[0]}.safetensors'
    output: f'{OUT}/test/emoji-demo/rows.csv'
    log: 'data/.log/demo.log'
    params: systems=lambda w, input: ', '.join(['untrained', *(f.removeprefix(OUT+'/').rsplit('/', 1)[0] for f in [*input.trained, input.fitted])])
    threads: workflow.cores
    shell: "export OMP_NUM_THREADS={threads}; {PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/emoji-demo -p systems '[{params.systems}]' >{log} 2>&1"

# What the retrieval figures choose from: every query of one draw, asked of the plain base, of the paper's learner and of the default that ships
rule found:
    input:
        settings='nbs/settings/emoji-found-test.yaml',
        systems=[f'{OUT}/fit/emoji-{base}-{SEEDS[0]}/system-{SEEDS[0]}.safetensors' for base in ('triplet', 'meta-predicted')]
    output: f'{OUT}/found/emoji/shown.parquet'
    log: 'data/.log/found-emoji.log'
    params: systems=listed
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run found/emoji -p systems '[{params.systems}, emoji]' >{log} 2>&1"

rule anatomy:
    input: 'nbs/settings/sketchy_mini-anatomy.yaml'
    output: f'{OUT}/anatomy/anatomy.csv'
    log: 'data/.log/anatomy.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/43_anatomy.ipynb -f {input} -p run anatomy >{log} 2>&1"

rule places:               # on validation categories; or, with what was chosen there, on the unseen ones
    input: 'nbs/settings/sketchy_mini-places.yaml'
    output: f'{OUT}/places{{unseen}}/rows.csv'
    log: 'data/.log/places{unseen}.log'
    params: more=lambda w: '-p split test -p choices [0.02]' if w.unseen else ''
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/45_places.ipynb -f {input} -p run places{wildcards.unseen} {params.more} >{log} 2>&1"

rule hubs:
    input: settings='nbs/settings/people-hubs.yaml', systems=[f'{OUT}/fit/people-fold-{i}/system-{SEEDS[0]}.safetensors' for i in range(5)]
    output: f'{OUT}/hubs/rows.parquet'
    log: 'data/.log/hubs.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/46_hubs.ipynb -f {input.settings} -p run hubs >{log} 2>&1"

rule gates:
    input: settings='nbs/settings/people-gates.yaml', systems=[f'{OUT}/fit/people-fold-{i}/system-{SEEDS[0]}.safetensors' for i in range(5)]
    output: f'{OUT}/gates/rows.parquet', f'{OUT}/gates/gates.parquet'
    log: 'data/.log/gates.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/49_gates.ipynb -f {input.settings} -p run gates >{log} 2>&1"

def rung(w):
    "Backbone and size of a rung; the grid is what the last maps hold"
    name, size = w.rung.split('-')
    return f'{{backbone: efficientnet_{name}, size: {size}, grid: {int(size)//32}, places: true}}'

rule ladder:
    input: fit='nbs/settings/ladder-fit.yaml', test='nbs/settings/ladder-test.yaml'
    output: f'{OUT}/test/ladder-{{rung}}/rows.parquet'
    log: 'data/.log/ladder-{rung}.log'
    params: features=rung
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/42_fit.ipynb -f {input.fit} -p run fit/ladder-{wildcards.rung} -p features '{params.features}' >{log} 2>&1; "
           "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.test} -p run test/ladder-{wildcards.rung} -p systems '[fit/ladder-{wildcards.rung}]' >>{log} 2>&1"

# Methods of others on shared features, 3 seeds each; those that need word vectors where there are some
rule others:
    input: [f'{OUT}/test/{group}-{d}/rows.parquet' for group in ('heads', 'fine', 'bounds') for d in ('emoji', 'sketchy_mini')]

rule heads:
    input: 'nbs/settings/{collection}-{group}.yaml'
    output: f'{OUT}/fit/{{group}}-{{collection}}/history.parquet'
    log: 'data/.log/{group}-{collection}.log'
    params: more=f"-p seeds '[{config['seeds']}]'" if 'seeds' in config else ''
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/47_heads.ipynb -f {input} -p run fit/{wildcards.group}-{wildcards.collection} {params.more} >{log} 2>&1"

rule test_heads:
    input: settings='nbs/settings/{dataset}-test.yaml', systems=f'{OUT}/fit/{{group}}-{{dataset}}/history.parquet'
    output: f'{OUT}/test/{{group}}-{{dataset}}/rows.parquet'
    log: 'data/.log/test-{group}-{dataset}.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/{wildcards.group}-{wildcards.dataset} -p systems '[fit/{wildcards.group}-{wildcards.dataset}]' -p packed true -p show_k 0 >{log} 2>&1"

rule bounds:
    input: 'nbs/settings/{collection}-bounds.yaml'
    output: f'{OUT}/test/bounds-{{collection}}/rows.parquet'
    log: 'data/.log/bounds-{collection}.log'
    params: more=f"-p seeds '[{config['seeds']}]'" if 'seeds' in config else ''
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/47_bounds.ipynb -f {input} -p run test/bounds-{wildcards.collection} {params.more} >{log} 2>&1"

# Table 8: collections that training never met, and the upper limit, their own training photos
CROSS, OWN = ['qmul_chairs', 'qmul_shoes', 'shoe304', 'communication'], ['qmul_chairs', 'qmul_shoes']

rule cross:
    input:
        expand(f'{OUT}/test/cross-{{collection}}-{{dataset}}{{how}}/rows.parquet', collection=['sketchy_mini', 'emoji'], dataset=CROSS, how=['', '-still']),
        [f'{OUT}/test/cross-{d}-{d}/rows.parquet' for d in OWN]

def crossed(w):
    bases = ['triplet'] if w.collection in OWN else ['meta-predicted'] if w.how else ['triplet', 'meta-predicted']
    return [f'fit/{w.collection}-{b}-{s}' for b in bases for s in SEEDS]

rule test_cross:
    input: settings='nbs/settings/cross-test.yaml', systems=lambda w: [f'{OUT}/{f}/system-{f[-1]}.safetensors' for f in crossed(w)]
    output: f'{OUT}/test/cross-{{collection}}-{{dataset}}{{how}}/rows.parquet'
    log: 'data/.log/cross-{collection}-{dataset}{how}.log'
    params:
        systems=lambda w: ', '.join(crossed(w)),
        steps=lambda w: '[nothing]' if w.how else '[]',
        more=lambda w: '-p by collection' if w.dataset in OWN else '-p n_draws 5' if w.dataset == 'communication' else ''
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/cross-{wildcards.collection}-{wildcards.dataset}{wildcards.how} -p steps '{params.steps}' "
           "-p dataset {wildcards.dataset} -p systems '[{params.systems}]' {params.more} >{log} 2>&1"

# The user level: each person tests once, in one fold of the people with one of the objects; each sketcher and each drawing set is left out once
USERS_OF = str(config.get('users', ','.join(HANDS))).split(',')
USERS = 'triplet', 'triplet+reg', 'meta-anil', 'meta-predicted'
HOW = {'': (USERS, '[]'), '-still': (USERS[2:], '[nothing]')}    # bases, steps

rule users:                # heads of others too, on features that stand still
    input: [f'{OUT}/test/users-{d}-{h}{how}/rows.parquet' for d in USERS_OF for h in HANDS[d] for how in (*HOW, '-heads')]

def kept_out(w):
    name, hand = w.hand.split('-', 1)
    return f'-p fold {hand}' if name == 'communication' else f"-p leave '\"{hand}\"'"

rule train_users:
    input: lambda w: f'nbs/settings/{w.hand.split("-")[0]}-users-train.yaml'
    output: f'{OUT}/fit/users-{{hand}}-{{base}}-{{seed}}/system-{{seed}}.safetensors'
    log: 'data/.log/users-{hand}-{base}-{seed}.log'
    params: kept_out=kept_out
    threads: THREADS
    resources: gpu=1
    shell: "{PYTHON} -m afgsbir.runs nbs/40_train.ipynb -f {input} -p run fit/users-{wildcards.hand}-{wildcards.base}-{wildcards.seed} "
           "-p base {wildcards.base} -p seed {wildcards.seed} {params.kept_out} >{log} 2>&1"

def ks_of(w): return '[1, 5]' if w.hand.startswith('communication') else '[1, 5, 10]'      # as many as the objects of a test allow

def users_of(w): return [f'fit/users-{w.hand}-{b}-{s}' for b in HOW[w.how][0] for s in SEEDS]

rule test_users:           # every base with its own steps; those that learned one, without it
    input: settings='nbs/settings/users-test.yaml', systems=lambda w: [f'{OUT}/{f}/system-{f[-1]}.safetensors' for f in users_of(w)]
    output: f'{OUT}/test/users-{{hand}}{{how}}/rows.parquet'
    log: 'data/.log/test-users-{hand}{how}.log'
    params:
        systems=lambda w: ', '.join(users_of(w)), dataset=lambda w: w.hand.split('-')[0],
        ks=ks_of, steps=lambda w: HOW[w.how][1]
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/users-{wildcards.hand}{wildcards.how} "
           "-p dataset {params.dataset} -p systems '[{params.systems}]' -p steps '{params.steps}' -p ks '{params.ks}' >{log} 2>&1"

rule users_heads:
    input: 'nbs/settings/users-heads.yaml'
    output: f'{OUT}/fit/users-heads-{{hand}}/history.parquet'
    log: 'data/.log/users-heads-{hand}.log'
    params: kept_out=kept_out, dataset=lambda w: w.hand.split('-')[0], more=f"-p seeds '[{config['seeds']}]'" if 'seeds' in config else ''
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/47_heads.ipynb -f {input} -p run fit/users-heads-{wildcards.hand} -p trained_on {params.dataset} {params.kept_out} {params.more} >{log} 2>&1"

rule test_users_heads:
    input: settings='nbs/settings/users-test.yaml', systems=f'{OUT}/fit/users-heads-{{hand}}/history.parquet'
    output: f'{OUT}/test/users-{{hand}}-heads/rows.parquet'
    log: 'data/.log/test-users-{hand}-heads.log'
    params: dataset=lambda w: w.hand.split('-')[0], ks=ks_of
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/users-{wildcards.hand}-heads "
           "-p dataset {params.dataset} -p systems '[fit/users-heads-{wildcards.hand}]' -p ks '{params.ks}' >{log} 2>&1"

# Ablations: the paper's learner, and the same with one thing changed: a base, or options of it
STUDY = 'sketchy_mini'
OFF = dict(d='domain', c='discriminative', s='semantic')
VARIANTS = {
    'full': {}, **{f'reg-{on or "none"}': {OFF[x]: 0. for x in 'dcs' if x not in on} for on in ('', 'd', 'c', 's', 'dc', 'ds', 'cs')},
    **{f'd-{d}': dict(d=d) for d in (32, 64, 128, 512)}, **{f'steps-{n}': dict(inner_steps=n) for n in (2, 3, 4, 5)},
    'attention-off': dict(attention=False), 'squared': dict(outer_loss='squared'), **{f'classes-{n}': dict(n_train=n) for n in (10, 20, 40)},
    'margin-learned': dict(base='meta-learned'), **{f'margin-{m}': dict(base='meta-fixed', margin_start=m, soft=.1) for m in (.05, .1, .2, .4, .8)},
    **{f'lite{n}': dict(backbone=f'efficientnet_lite{n}') for n in (1, 2)}, 'vgg16': dict(backbone='vgg16', pretrained=False, size=64, cut=0, depth=5)}
STUDIED = str(config.get('variants', ','.join(VARIANTS))).split(',')

rule study:
    input: [f'{OUT}/test/study-{v}/rows.parquet' for v in STUDIED], [f'{OUT}/test/study-walk-{n}/rows.parquet' for n in range(6)]

def varied(w):
    "The base of a variant, and its options in place of those of the file"
    changed, common = dict(VARIANTS[w.variant]), yaml.safe_load(open(f'nbs/settings/{STUDY}-study-train.yaml'))['options']
    return f"-p base {changed.pop('base', 'meta-predicted')} -p options '{json.dumps(common | changed)}'"

rule train_study:
    input: f'nbs/settings/{STUDY}-study-train.yaml'
    output: f'{OUT}/fit/study-{{variant}}-{{seed}}/system-{{seed}}.safetensors'
    log: 'data/.log/study-{variant}-{seed}.log'
    params: varied=varied
    threads: THREADS
    resources: gpu=1
    shell: "{PYTHON} -m afgsbir.runs nbs/40_train.ipynb -f {input} -p run fit/study-{wildcards.variant}-{wildcards.seed} -p seed {wildcards.seed} {params.varied} >{log} 2>&1"

def studied(variant): return [f'fit/study-{variant}-{s}' for s in SEEDS]

rule test_study:
    input: settings='nbs/settings/study-test.yaml', systems=lambda w: [f'{OUT}/{f}/system-{f[-1]}.safetensors' for f in studied(w.variant)]
    output: f'{OUT}/test/study-{{variant}}/rows.parquet'
    log: 'data/.log/test-study-{variant}.log'
    params: systems=lambda w: ', '.join(studied(w.variant)), ks=lambda w: '[1, 2, 3, 5, 10]' if w.variant == 'full' else '[5]'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/study-{wildcards.variant} -p systems '[{params.systems}]' -p ks '{params.ks}' >{log} 2>&1"

rule walk_study:           # trained with one step, tested with so many; without one after any number of pairs: what they ask changes too
    input: settings='nbs/settings/study-test.yaml', systems=[f'{OUT}/{f}/system-{f[-1]}.safetensors' for f in studied('full')]
    output: f'{OUT}/test/study-walk-{{walk}}/rows.parquet'
    log: 'data/.log/test-study-walk-{walk}.log'
    params: systems=', '.join(studied('full')), ks=lambda w: '[1, 2, 3, 5, 10]' if w.walk == '0' else '[5]'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/study-walk-{wildcards.walk} -p systems '[{params.systems}]' -p ks '{params.ks}' -p n_steps {wildcards.walk} >{log} 2>&1"

ruleorder: walk_study > test_study

# The paper's family over all categories: five folds, each unseen once, with the options of the ablations
FOLDED = 'triplet', 'triplet+reg', 'meta-anil', 'meta-predicted'

rule folds:
    input: [f'{OUT}/test/folds-family-{i}/rows.parquet' for i in range(5)]

rule train_folds:
    input: f'nbs/settings/{STUDY}-study-train.yaml'
    output: f'{OUT}/fit/folds-family-{{fold}}-{{base}}-{{seed}}/system-{{seed}}.safetensors'
    log: 'data/.log/folds-family-{fold}-{base}-{seed}.log'
    threads: THREADS
    resources: gpu=1
    shell: "{PYTHON} -m afgsbir.runs nbs/40_train.ipynb -f {input} -p run fit/folds-family-{wildcards.fold}-{wildcards.base}-{wildcards.seed} "
           "-p base {wildcards.base} -p seed {wildcards.seed} -p fold {wildcards.fold} >{log} 2>&1"

def folded(w): return [f'fit/folds-family-{w.fold}-{b}-{s}' for b in FOLDED for s in SEEDS]

rule test_folds:
    input: settings='nbs/settings/study-test.yaml', systems=lambda w: [f'{OUT}/{f}/system-{f[-1]}.safetensors' for f in folded(w)]
    output: f'{OUT}/test/folds-family-{{fold}}/rows.parquet'
    log: 'data/.log/test-folds-family-{fold}.log'
    params: systems=lambda w: ', '.join(folded(w))
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_test.ipynb -f {input.settings} -p run test/folds-family-{wildcards.fold} -p systems '[{params.systems}]' -p ks '[1, 5, 10]' >{log} 2>&1"
