"What a system is tested on: the fold and the sketcher that were kept from it, never a category that it was fitted on."
import pandas as pd, pytest, yaml

from afgsbir.baselines import load_system
from afgsbir.cases import pick, rank_changes, shares
from afgsbir.core import load_rows
from afgsbir.pairs import open_collection
from afgsbir.tasks import draws_of, tasks_of, with_pairs
from test_runs import SMOKE, run


def went(done):
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope='module')
def fitted(tmp_path_factory):
    "Fold 1 of three, fitted in closed form and trained with seed 1"
    out = tmp_path_factory.mktemp('systems')
    went(run('42_fit', out, run='fit/w', fold=1, folds=3))
    went(run('40_train', out, run='fit/t', fold=1, folds=3, base='triplet', seed=1, options=SMOKE | dict(steps=4)))
    return out


def test_a_fold_is_tested_on_what_was_kept_from_it(fitted):
    asked = dict(systems=['fit/w', 'fit/t'], steps=['nothing'], show_k=5, show_every=True)
    went(run('41_test', fitted, run='test/both', **asked))
    rows = pd.read_csv(fitted/'test/both/rows.csv')
    collection = open_collection('emoji', 1, 3)
    kept = {t.name for t in with_pairs(tasks_of(collection), 5)}
    for base, seed in (('whitened', 0), ('triplet', 1)):
        assert set(rows[rows.base == base].task) == kept and set(rows[rows.base == base].seed) == {seed}
        system = load_system(fitted/f'fit/{base[0]}/system-{seed}.safetensors')
        seen = {n for part in system.facts['tasks'] for n in part}
        assert seen and not seen & {t.name for t in tasks_of(collection)}
    told = yaml.safe_load((fitted/'test/both/params.yaml').read_text())['shared']     # pictures seen before
    assert set(told) == {'fit/w', 'fit/t'} and told['fit/w'] == told['fit/t'] and told['fit/w']['trained_on'] == 'emoji'
    tested = {r for t in tasks_of(collection) if t.name in kept for r in t.gallery.tolist()}
    assert told['fit/w']['of_photos'] == len(tested) and 0 <= told['fit/w']['photos'] < len(tested)/4
    assert set(rows.fold) == {'1/3'}
    shown = load_rows('test/both', name='shown', root=fitted)             # every query of the first draw
    changes = rank_changes(shown, ('whitened', 'none'))
    wanted = {t.name: int(draws_of(t, 5, 1).valid.sum()) for t in tasks_of(collection) if t.name in kept}
    assert changes.groupby('task').size().to_dict() == wanted and len(pick(changes)) == 3*len(kept)
    mean = rows.query('method == "none" and k == 5 and gallery == "with"').set_index('task')['acc@1']
    found = shares(changes, 'task').first_after/100                       # one of the two draws in the rows
    assert abs(found-mean).mean() < .2


@pytest.mark.parametrize('system', ['fit/w', 'fit/t'])
def test_a_category_that_was_fitted_on_is_refused(fitted, system):
    done = run('41_test', fitted, run='test/leak', systems=[system], split='train')
    assert done.returncode == 2 and 'was fitted on category' in done.stderr
    assert not (fitted/'test/leak/rows.csv').exists()


def test_learned_steps_keep_the_seed_of_their_base(fitted):
    went(run('42_fit', fitted, run='fit/t+', base='fit/t', seeds=[5]))
    system = load_system(fitted/'fit/t+/system-1.safetensors')
    assert (system.facts['seed'], system.facts['step_seed'], system.facts['fold']) == (1, 5, 1)
    done = run('42_fit', fitted, run='fit/x', base='fit/t', seeds=[0, 1])
    assert done.returncode == 2 and 'one trained system at a time' in done.stderr


def test_a_sketcher_is_left_out(fitted):
    went(run('42_fit', fitted, run='fit/s', by='sketcher', leave='openmoji'))
    went(run('41_test', fitted, run='test/s', systems=['fit/s'], extras=['csls', 'centre:shuffled']))
    rows = pd.read_csv(fitted/'test/s/rows.csv')
    assert set(rows.task) == {'openmoji'} and set(rows.fold) == {'openmoji'}
    assert not rows.duplicated(['step', 'k', 'gallery', 'protocol', 'seed']).any()
    both = rows[(rows.k == 5)].pivot(index='gallery', columns='step', values='acc@1')
    assert (both['centre'] == both['centre:shuffled']).all()            # the centre does not look at pairs
    photos = pd.read_parquet(fitted/'test/s/photos.parquet')            # one task: a line per photo too
    assert set(photos.step) == {'nothing', 'csls', 'csls+gallery', 'centre'}
