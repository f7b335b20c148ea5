"""The engine of flows: facts in, steps out; steps run, facts come back.

    append facts ─► Flows.decide ─► rows of workflow_states, in the same transaction
    Worker: due steps ─► Turn (set-wise, one transaction) ─► facts …          calls outside: leased, made, settled in a turn

`step.py` has the words, `deciding.py` asks the flows, `turn.py` is one transaction of a worker, `working.py` its loop, `calling.py`
makes its calls, `table.py` is its SQL, `repairing.py` what an admin does to steps, `drawing.py` the picture of a flow. No business
word in it: who knows orders is handed in as a `Book` (`book.py`).
"""

from haat.engine.flowing.book import Book, Written
from haat.engine.flowing.calling import House
from haat.engine.flowing.deciding import Decided, Flows, Row
from haat.engine.flowing.step import Again, Compensate, Dead, Decision, Done, Failed, Flow, Local, Outcome, Outside, Step, Stop, Task, Verb
from haat.engine.flowing.turn import Turn, consequences, undoing
from haat.engine.flowing.working import Worker

__all__ = [
    "Again",
    "Book",
    "Compensate",
    "Dead",
    "Decided",
    "Decision",
    "Done",
    "Failed",
    "Flow",
    "Flows",
    "House",
    "Local",
    "Outcome",
    "Outside",
    "Row",
    "Step",
    "Stop",
    "Task",
    "Turn",
    "Verb",
    "Worker",
    "Written",
    "consequences",
    "undoing",
]
