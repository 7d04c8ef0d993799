"The programs of data_prep as modules."
import importlib.util

from afgsbir.core import repo_root


def script(name):
    "A program of data_prep as a module"
    spec = importlib.util.spec_from_file_location(f'prep_{name}', repo_root()/f'data_prep/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
