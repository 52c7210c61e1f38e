"""Exercise 2: right answers, wrong answers, the file handed out."""

from exercise_answers import checks_of

from minivae.grading import TASKS

TASK = TASKS[1]
test_right_answers, test_wrong_answers, test_handed_out = checks_of(TASK)
