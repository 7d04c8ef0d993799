"A gallery that is killed while it grows holds whole appends and nothing else."
import signal, subprocess, sys, time

import torch

from afgsbir.gallery import Gallery, append, create_gallery, read_rows

PROGRAM = '''
import sys, torch
from afgsbir.gallery import Gallery, append
g = Gallery(sys.argv[1])
while True:
    i = len(g.rows)
    g = append(g, torch.full((50, 8), float(i)), [f'{i}-{j}' for j in range(50)])
    print(i, flush=True)
'''


def test_killed_while_appending(tmp_path):
    create_gallery(tmp_path/'g', 8)
    for kill in range(4):
        before = len(Gallery(tmp_path/'g'))
        p = subprocess.Popen([sys.executable, '-c', PROGRAM, str(tmp_path/'g')], stdout=subprocess.PIPE, text=True)
        for _ in range(3+kill): p.stdout.readline()
        time.sleep(.003*kill)
        p.send_signal(signal.SIGKILL); p.wait()
        g = Gallery(tmp_path/'g')
        assert len(g) >= before + 50*(3+kill) and len(g) % 50 == 0         # what was acknowledged is there, whole
        assert read_rows(g, range(len(g)))[:, 0].tolist() == [float(i) for i in range(len(g)//50) for _ in range(50)]
    g = append(g, torch.zeros(1, 8), ['last'])
    assert g.names[-1] == ['last'] and len(Gallery(tmp_path/'g')) == len(g)
