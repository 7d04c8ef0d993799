"The paper's own configuration in smoke size, from trees in the authors' layouts to both tables; and what is told."
import os, re

import numpy as np, pandas as pd, pytest, yaml
from PIL import Image

from afgsbir import paper
from afgsbir.baselines import load_system
from afgsbir.core import InputError, command, load_rows, repo_root
from afgsbir.pairs import load_collection
from afgsbir.train import settings
from scripts import script

SKETCHY, V2 = script('sketchy'), script('qmul_v2')
UNSEEN = SKETCHY.UNSEEN[:5]       # enough to ask
PLANS = {name: repo_root()/f'nbs/settings/paper-{name}.yaml' for name in ('sketchy', 'shoev2')}


def picture(file, i):
    "A dark square somewhere"
    x, y = i*7 % 20, i*11 % 20
    im = Image.new('RGB', (32, 32), 'white')
    im.paste((i*40 % 200, 60, 90), (x, y, x+9, y+9))
    file.parent.mkdir(parents=True, exist_ok=True)
    im.save(file)


def sketchy_tree(folder, n=6, each=2):
    "256x256/photo|sketch/tx_*/<category>/: some unseen categories, two that validate, three that train"
    for c, name in enumerate([*UNSEEN, *SKETCHY.VAL[:2], 'airplane', 'car_(sedan)', 'hot-air_balloon']):
        at = {kind: folder/f'256x256/{kind}/tx_000100000000/{name}' for kind in ('photo', 'sketch')}
        for i in range(n):
            picture(at['photo']/f'n{c:02}_{i}.jpg', c+5*i)
            for j in range(each): picture(at['sketch']/f'n{c:02}_{i}-{j+1}.png', c+5*i+j)
    words = sorted({w for d in (folder/'256x256/photo/tx_000100000000').iterdir() for w in SKETCHY.words_in(d.name)})
    lines = [f'{w} {i} {-i} {i*i}' for i, w in enumerate(words)]
    (folder/'vectors.txt').write_text('\n'.join(['2 3', *lines]), encoding='utf-8')
    return words


def shoe_tree(folder, train=15, test=10, each=3):
    "trainA, trainB, testA, testB"
    for split, n in (('train', train), ('test', test)):
        for i in range(n):
            picture(folder/f'{split}B/{split}{i}.png', i)
            for j in range(each): picture(folder/f'{split}A/{split}{i}_{j+1}.png', i+j)


def prepared(name, tmp_path):
    "The collection of a plan, by the program that the plan names"
    command = yaml.safe_load(PLANS[name].read_text())['prepare'].split()
    argv = command[2:] + ['--source', str(tmp_path/'src'), '--root', str(tmp_path/'prepared'), '--size', '32']
    if name == 'sketchy':
        sketchy_tree(tmp_path/'src')
        argv[argv.index('--vectors')+1] = str(tmp_path/'src/vectors.txt')
        argv += ['--val', *SKETCHY.VAL[:2], '--test', *UNSEEN]           # the whole is not there
    else: shoe_tree(tmp_path/'src/ShoeV2')
    dict(sketchy=SKETCHY, qmul_v2=V2)[os.path.basename(command[1])[:-3]].main(argv)


@pytest.fixture
def places(tmp_path, monkeypatch):
    for name, folder in (('OUTPUTS', 'outputs'), ('COLLECTIONS', 'prepared')):
        monkeypatch.setenv(f'AFGSBIR_{name}', str(tmp_path/folder))
    return tmp_path


@pytest.mark.parametrize('name', PLANS)
def test_to_the_end(places, capsys, name):
    "Prepared, trained end to end, asked in both protocols, laid beside the paper; a second time nothing is left to do"
    prepared(name, places)
    paper.main([str(PLANS[name]), '--smoke'])
    out, by = capsys.readouterr().out, dict(sketchy='category', shoev2='sketcher')[name]
    assert 'vgg16: untrained weights' in out
    assert re.search(rf'fit/paper-{name}-meta-predicted-0: .* s a step, .* s a validation, .* GiB; at most', out)
    system = load_system(places/f'outputs/smoke/fit/paper-{name}-meta-predicted-0/system-0.safetensors')
    s = settings(**system.facts['settings'])
    assert (s.backbone, s.cut, s.attention, s.pool, s.by) == ('vgg16', 0, True, 'max', by) and system.encoder.dim == 512
    weights = [(s.domain, s.discriminative, s.semantic, s.instance)]
    assert weights == [(.1, .5, .5, 0.)] if by == 'category' else weights == [(.1, 0., 0., .5)]
    rows = load_rows(f'smoke/test/paper-{name}-*')
    n_tasks, n_query, number = (5, 6, 28.1) if name == 'sketchy' else (3, 5, 38.3)
    assert set(rows.protocol) == {'aside', 'disjoint'} and set(rows.k) == {1, 5} and rows.task.nunique() == n_tasks
    aside = rows[rows.protocol == 'aside']
    assert aside.n_query.unique().tolist() == [n_query]                            # half of the photos asks, whatever k
    table = pd.read_csv(places/f'outputs/smoke/paper/{name}.csv')
    ours = table[(table.method == 'ours-predicted') & (table.k == 5)]
    assert ours['paper_acc@1'].tolist() == [number]*2 and ours['acc@1'].between(0, 100).all()
    mean = 100*aside[(aside.k == 5) & (aside.step == 'paper-predicted')]['acc@1'].mean()
    assert abs(ours[ours.protocol == 'aside']['acc@1'].item() - mean) < .01
    assert '| ours-predicted' in out and ('28.1 / 51.8' if name == 'sketchy' else '38.3 / 76.6') in out
    before = {f: f.stat().st_mtime_ns for f in (places/'outputs').rglob('*.csv') if f.name == 'rows.csv'}
    paper.main([str(PLANS[name]), '--smoke'])
    assert all(f.stat().st_mtime_ns == t for f, t in before.items()) and len(before) == 1


def told(capsys, *argv):
    "What a refused command says: exit 2, one line"
    with pytest.raises(SystemExit) as e: command(lambda: paper.main([str(a) for a in argv]))
    err = capsys.readouterr().err
    assert e.value.code == 2 and err.startswith('error: ') and err.count('\n') == 1, err
    return err


def test_what_is_missing(places, capsys):
    "No data, half of the data, no sketchers: one line each, with the cure"
    err = told(capsys)
    for word in ('sketchy: no such collection here', '--vectors glove', 'shoev2: no such', '--sketchers number'):
        assert word in err
    shoe_tree(places/'src/ShoeV2')
    V2.main(['--source', str(places/'src'), '--root', str(places/'prepared'), '--size', '32'])
    assert 'shoev2: 25 photos, not 2000' in told(capsys, PLANS['shoev2'])
    assert 'does not say who drew a sketch; run' in told(capsys, PLANS['shoev2'], '--any-counts')
    assert not (places/'outputs').exists()


def test_words_from_text(places):
    "A category of several words has their mean; a word without a vector is refused"
    words = sketchy_tree(places/'src', 4, 1)
    found = SKETCHY.text_vectors(places/'src/vectors.txt', ['car_(sedan)', 'bat'])
    one = {w: np.array([i, -i, i*i], np.float32) for i, w in enumerate(words)}
    assert np.array_equal(found['car_(sedan)'], (one['car']+one['sedan'])/2)
    assert np.array_equal(found['bat'], one['bat'])
    with pytest.raises(InputError, match="no vector for 'unicorn'"):
        SKETCHY.text_vectors(places/'src/vectors.txt', ['unicorn'])
    with pytest.raises(InputError, match='no such file of word vectors'): SKETCHY.text_vectors('nowhere', ['bat'])


def test_sketchers_from_a_table(places, capsys):
    "A sixth of the sketchers draws the test photos alone; the others draw the rest"
    shoe_tree(places/'src/ShoeV2', each=6)
    lines = [f'{f.stem},{"abcdef"[int(f.stem.split("_")[1])-1]}' for f in (places/'src/ShoeV2').glob('*A/*.png')]
    (places/'who.csv').write_text('\n'.join(['sketch,sketcher', *lines]))
    argv = ['--source', str(places/'src'), '--root', str(places/'prepared'), '--size', '32', '--sketchers']
    V2.main([*argv, str(places/'who.csv')])
    c = load_collection('shoev2', places/'prepared')
    hands = c.sketches.groupby('split').sketcher.unique()
    assert len(hands['test']) == 1 and len(set(hands['train'])) == 5
    assert not set(hands['test']) & {*hands['train'], *hands['val']}
    assert (c.sketches.split == 'test').sum() == 10 and (c.sketches.split == 'train').sum() == 5*12
    (places/'who.csv').write_text('\n'.join(['sketch,sketcher', *lines[1:]]))
    with pytest.raises(InputError, match='names nobody for sketch'): V2.main([*argv, str(places/'who.csv')])
    with pytest.raises(InputError, match='no table; name a CSV'): V2.main([*argv, 'nowhere'])
