"""What importing costs: NumPy and ourselves, and nothing that draws."""

import subprocess
import sys


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_every_command_does_not_import_matplotlib():
    code = (
        "import sys, minivae, minivae.cli, minivae.plots, minivae.training\n"
        "minivae.cli.build_parser()\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = run(code)
    assert "'numpy'" in loaded
    for module in ("matplotlib", "PIL", "pytest", "hypothesis"):
        assert f"'{module}'" not in loaded, f"import minivae pulled in {module}"


def test_drawing_touches_no_global_state_of_matplotlib(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from minivae import VAE, plots\n"
        "model = VAE.mlp(4, 2, (3,), rng=np.random.default_rng(0))\n"
        "fig = plots.manifold(model, (2, 2), 3)\n"
        f"plots.save_figure(fig, {str(tmp_path / 'm.png')!r})\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert run(code) == "False\n"
    assert (tmp_path / "m.png").stat().st_size > 0


def test_every_public_name_is_there():
    import minivae

    for name in minivae.__all__:
        assert getattr(minivae, name).__doc__, f"minivae.{name} has no docstring"


def test_rooms_and_their_names_come_when_they_are_used():
    code = (
        "import sys, minivae\n"
        "assert 'minivae.training' not in sys.modules\n"
        "assert {'fit', 'load_digits', 'plots'} <= set(dir(minivae))\n"
        "print(minivae.load_digits().train.shape, minivae.fit.__module__,"
        " minivae.plots.samples.__name__, minivae.gradcheck.check_model.__name__)\n"
        "minivae.no_such_thing"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "(1497, 64) minivae.training.fitting samples check_model\n"
    assert "has no attribute 'no_such_thing'" in done.stderr
