__version__ = "0.1.0"

__all__ = ['Retriever']

def __getattr__(name):
    "Torch is imported when somebody asks for it"
    if name not in __all__: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from .retriever import Retriever
    return Retriever
