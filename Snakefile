# The grid of settings, methods and seeds: `make runs`, or `snakemake -j 8 --executor slurm` on a cluster.
# A finished run is skipped; `--config benchmarks=emoji seeds=0,1,2` chooses, `threads` bounds what one run may use.
BENCHMARKS = str(config.get('benchmarks', 'emoji,sketchy_mini,sketchy_plus')).split(',')
METHODS = str(config.get('methods', 'none,none+reg,anil,ours-fixed,ours-learned,ours-predicted')).split(',')
UNADAPTED = [m for m in ('ours-fixed', 'ours-predicted') if m in METHODS]   # also tested without their step
SEEDS = str(config.get('seeds', '0,1,2')).split(',')
THREADS = int(config.get('threads', 1))
AT_TEST = {'none': '[none, finetune]'}
TRAINED_ON = {'sketchy_plus': 'sketchy_mini'}   # whose checkpoints a benchmark tests: sketchy_mini's never saw dog or horse
PYTHON = config.get('python', 'python')
OUT = config.get('out', 'outputs')

wildcard_constraints: benchmark='[a-z_0-9]+', method='[a-z+-]+', seed='[0-9]+'

# stray thread pools cost more than they bring; glibc must not hand memory back after every step
shell.prefix('set -e; export AFGSBIR_OUTPUTS=%s OMP_NUM_THREADS=%d MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000 MALLOC_TOP_PAD_=268435456; ' % (OUT, THREADS))

rule all:
    input:
        expand(f'{OUT}/{{benchmark}}-{{method}}-{{seed}}/rows.csv', benchmark=BENCHMARKS, method=METHODS, seed=SEEDS),
        expand(f'{OUT}/{{benchmark}}-untrained/rows.csv', benchmark=BENCHMARKS),
        expand(f'{OUT}/ablation/{{benchmark}}-{{method}}-{{seed}}/rows.csv', benchmark=BENCHMARKS, method=UNADAPTED, seed=SEEDS)

rule train:
    input: 'nbs/settings/{benchmark}-train.yaml'
    output: f'{OUT}/train/{{benchmark}}-{{method}}-{{seed}}/checkpoint.safetensors'
    log: 'data/.log/train-{benchmark}-{method}-{seed}.log'
    threads: THREADS
    resources: gpu=1
    shell: "{PYTHON} -m afgsbir.runs nbs/40_train.ipynb -f {input} -p run train/{wildcards.benchmark}-{wildcards.method}-{wildcards.seed} "
           "-p method {wildcards.method} -p seed {wildcards.seed} >{log} 2>&1"

rule evaluate:
    input:
        settings='nbs/settings/{benchmark}-evaluate.yaml',
        checkpoint=lambda w: f'{OUT}/train/{TRAINED_ON.get(w.benchmark, w.benchmark)}-{w.method}-{w.seed}/checkpoint.safetensors'
    output: f'{OUT}/{{benchmark}}-{{method}}-{{seed}}/rows.csv'
    log: 'data/.log/evaluate-{benchmark}-{method}-{seed}.log'
    params:
        methods=lambda w: AT_TEST.get(w.method, f'[{w.method}]'),
        checkpoint=lambda w: f'train/{TRAINED_ON.get(w.benchmark, w.benchmark)}-{w.method}-{w.seed}'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_evaluate.ipynb -f {input.settings} -p run {wildcards.benchmark}-{wildcards.method}-{wildcards.seed} "
           "-p checkpoint {params.checkpoint} -p methods '{params.methods}' >{log} 2>&1"

rule unadapted:
    input:
        settings='nbs/settings/{benchmark}-evaluate.yaml',
        checkpoint=lambda w: f'{OUT}/train/{TRAINED_ON.get(w.benchmark, w.benchmark)}-{w.method}-{w.seed}/checkpoint.safetensors'
    output: f'{OUT}/ablation/{{benchmark}}-{{method}}-{{seed}}/rows.csv'
    log: 'data/.log/unadapted-{benchmark}-{method}-{seed}.log'
    params: checkpoint=lambda w: f'train/{TRAINED_ON.get(w.benchmark, w.benchmark)}-{w.method}-{w.seed}'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_evaluate.ipynb -f {input.settings} -p run ablation/{wildcards.benchmark}-{wildcards.method}-{wildcards.seed} "
           "-p checkpoint {params.checkpoint} -p methods '[{wildcards.method}-unadapted]' -p protocols '[disjoint]' -p show_k 0 >{log} 2>&1"

rule untrained:
    input: 'nbs/settings/{benchmark}-evaluate.yaml'
    output: f'{OUT}/{{benchmark}}-untrained/rows.csv'
    log: 'data/.log/untrained-{benchmark}.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/41_evaluate.ipynb -f {input} -p run {wildcards.benchmark}-untrained >{log} 2>&1"

# The default adaptation: the primary table (five folds), the paper's split with its cross-data-set tests, emoji, and each sketcher of shoe304 left out
rule primary:
    input: expand(f'{OUT}/default/fold-{{fold}}/rows.csv', fold=range(5))

rule default:
    input: expand(f'{OUT}/default/{{run}}/rows.csv', run=[*(f'fold-{i}' for i in range(5)), 'sketchy_mini', 'emoji', *(f'shoe304-{u}' for u in (1, 2, 3))])

def default_run(w):
    "Settings and further parameters of one run of the default adaptation"
    kind, _, n = w.run.partition('-')
    name, more = dict(fold=('folds', f'-p fold {n}'), shoe304=('shoe304', f"-p leave '\"{n}\"'")).get(kind, (kind, ''))
    return name, more + (f" -p seeds '[{config['seeds']}]'" if 'seeds' in config else '')

rule anatomy:
    input: 'nbs/settings/sketchy_mini-anatomy.yaml'
    output: f'{OUT}/anatomy/anatomy.csv'
    log: 'data/.log/anatomy.log'
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/43_anatomy.ipynb -f {input} -p run anatomy >{log} 2>&1"

rule adapt:
    input: lambda w: f'nbs/settings/{default_run(w)[0]}-default.yaml'
    output: f'{OUT}/default/{{run}}/rows.csv'
    wildcard_constraints: run='[a-z0-9_]+(-[0-9]+)?'
    log: 'data/.log/default-{run}.log'
    params: more=lambda w: default_run(w)[1]
    threads: THREADS
    shell: "{PYTHON} -m afgsbir.runs nbs/42_default.ipynb -f {input} -p run default/{wildcards.run} {params.more} >{log} 2>&1"
