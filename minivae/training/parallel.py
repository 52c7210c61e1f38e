"""Many processes, one model: each takes its rows of a batch, and the gradients are summed.

The gradient of a batch is a mean over its images, so it is the sum of what any division
of the rows gives, each part weighted by its number of rows:

    ∂L/∂θ = Σ_ranks (B_rank / B) ∂L_rank/∂θ

All ranks draw the same order and the same noise from generators of the same state, and
take their rows of them. Then they hold the same model after every step, up to the order
in which numbers are added: in float64 any number of ranks agrees with one process to
1e-12 after a hundred steps. Messages go through MPI, by mpi4py.
"""

import os
import sys
import time
import traceback

import numpy as np

from minivae.vae import Loss

# Where launchers say how many processes they started: MPICH and Intel; Open MPI; Slurm.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS")


class Ranks:
    """The processes of one training, seen from one of them.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm, optional
        Such as `MPI.COMM_WORLD`. Without one, this process is alone.

    Attributes
    ----------
    rank, size : int
        Which process this is, and how many there are. Rank 0 tests, prints and writes.
    """

    def __init__(self, communicator=None):
        self.communicator, self.rank, self.size = communicator, 0, 1
        if communicator is not None:
            self.rank, self.size = communicator.Get_rank(), communicator.Get_size()

    def rows(self, B):
        """This rank's rows of a batch of B, a slice: as equal as whole numbers allow."""
        return slice(self.rank * B // self.size, (self.rank + 1) * B // self.size)

    def mean(self, grad, loss, rows, B):
        """Make `grad` that of the whole batch, in place, and return its loss.

        Parameters
        ----------
        grad : ndarray, shape (P,)
            The gradient of this rank's mean over its `rows` images.
        loss : Loss
            Its loss, a mean over the same images.
        rows, B : int
            Images of this rank, and of the batch. With no rows both count as zero.

        Returns
        -------
        Loss
        """
        if self.size == 1:
            return loss
        if rows:
            grad *= rows / B
        else:
            grad[...] = 0
        self._sum(grad)
        values = rows / B * np.array(loss) if rows else np.zeros(3)
        self._sum(values)
        return Loss(*map(float, values))

    def _sum(self, array):
        from mpi4py import MPI

        self.communicator.Allreduce(MPI.IN_PLACE, array)

    def share(self, value):
        """Rank 0's `value`, on every rank."""
        return value if self.size == 1 else self.communicator.bcast(value)

    def abort(self, error):
        """Say what happened and end every rank: the others wait for this one's sum.

        A process that is alone goes on, and may raise the error.
        """
        if self.size == 1:
            return
        print(f"rank {self.rank}: {type(error).__name__}: {error}", file=sys.stderr)
        if not isinstance(error, (ValueError, TypeError, FloatingPointError, OSError)):
            traceback.print_exc()
        sys.stderr.flush()
        time.sleep(0.3)  # the launcher passes the line on, and drops it once all must end
        self.communicator.Abort(1)
        os._exit(1)  # the launcher ends this process, too, but some moments later


def ranks_of_this_run():
    """The `Ranks` that mpiexec has started, or that of a process by itself.

    Raises
    ------
    ValueError
        If there are several, and mpi4py is not installed.
    """
    if all(int(os.environ.get(name) or 1) < 2 for name in SIZES):
        return Ranks()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # no package; no library of MPI
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"mpiexec: expected mpi4py on every rank, got {reason!r}: pip install"
            " 'minivae[mpi]'"
        ) from None
    return Ranks(MPI.COMM_WORLD)
