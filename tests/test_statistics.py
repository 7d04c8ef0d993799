"What a number rests on: where fine-tuning's rate was chosen, and what stands beside a difference."
import shutil

import pandas as pd, pytest, yaml

from afgsbir.baselines import choose_rate, load_system
from afgsbir.pairs import load_collection, write_collection
from afgsbir.tasks import tasks_of, with_pairs
from test_runs import SMOKE, run
from test_systems import went
from test_wiring import small


def only_a_test(root):
    "The test categories of a small emoji collection once more, as a collection that has no other split"
    c = load_collection('emoji', root)
    photos, sketches = (t[t.split == 'test'].assign(path=t.row).drop(columns='row') for t in (c.photos, c.sketches))
    readers = dict(read_photo=lambda row: c.photo_pixels[row], read_sketch=lambda row: c.sketch_pixels[row])
    write_collection(root, 'other', photos, sketches.drop(columns='photo_row'), {}, c.card['size'], **readers)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    "Collections with and without validation tasks, and a base that was trained on the first"
    root, out = tmp_path_factory.mktemp('prepared'), tmp_path_factory.mktemp('out')
    small(root, False)
    only_a_test(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('AFGSBIR_COLLECTIONS', str(root))
        went(run('40_train', out, run='fit/t', base='triplet', seed=1, options=SMOKE | dict(steps=4)))
        yield root, out


def ask(out, name, **given):
    return run('41_test', out, run=f'test/{name}', systems=['fit/t'], steps=['nothing', 'finetune'], **given)


@pytest.mark.parametrize('dataset', ['emoji', 'other'])
def test_the_rate_is_chosen_on_validation_tasks(trained, dataset):
    "Of the collection that is tested or, where it has none, of the one that the system was trained on"
    root, out = trained
    system, home = load_system(out/'fit/t/system-1.safetensors'), load_collection('emoji', root)
    val = with_pairs(tasks_of(home, 'val'), 5)
    rate = choose_rate(system.adapter, system.features(home, val), val)
    assert rate != .1 and not tasks_of(load_collection('other', root), 'val')
    went(ask(out, dataset, dataset=dataset))
    record = yaml.safe_load((out/f'test/{dataset}/params.yaml').read_text())
    assert record['finetune_rate'] == {'fit/t/1': rate}
    assert record['finetune_chosen_on'] == {'fit/t/1': f'emoji: {len(val)} validation tasks'}
    assert set(pd.read_csv(out/f'test/{dataset}/rows.csv').method) == {'none', 'finetune'}


def test_no_rate_without_validation_tasks(trained):
    "One line says which collection is missing, before anything is computed"
    root, out = trained
    shutil.move(root/'emoji', root/'away')
    try: done = ask(out, 'gone', dataset='other')
    finally: shutil.move(root/'away', root/'emoji')
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert f'{root/"emoji"}: no prepared collection' in done.stderr and 'validation tasks of emoji' in done.stderr
    assert not (out/'test/gone/rows.csv').exists()
