"""What pyproject.toml cannot say: a wheel takes the data and the notebooks along, from beside the package."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = "nnopt_utils/_shipped"  # read by nnopt_utils/_folders.py
PATTERNS = (
    "data/README.md",
    "data/mnist.npz",
    "data/experiments/*.jsonl",
    "data/experiments/*.npy",
    "data/nist_strd/*",
    "notebooks/*.ipynb",
)


class BuildWithFiles(build_py):
    """Copies the package, then what it needs from beside it. An editable install finds both in the repository."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for source, target in self._shipped().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target)

    def get_outputs(self, include_bytecode=True):
        return [*super().get_outputs(include_bytecode), *([] if self.editable_mode else self._shipped().values())]

    def get_source_files(self):
        """What belongs into a source archive, from which a wheel can be built again."""
        return [*super().get_source_files(), *self._shipped()]

    def _shipped(self):
        """From where to where, both as texts."""
        files = sorted(file.relative_to(ROOT) for pattern in PATTERNS for file in ROOT.glob(pattern))
        return {str(file): str(Path(self.build_lib, SHIPPED, file)) for file in files}


setup(cmdclass={"build_py": BuildWithFiles})
