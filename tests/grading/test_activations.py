"""Exercise 2: right answers, wrong answers, the file handed out."""

from exercise_answers import check_handed_out, check_right_answers, check_wrong_answers

from minivae.grading.activations import TASK


def test_right_answers_pass_however_they_are_written():
    check_right_answers(TASK)


def test_every_wrong_answer_gets_the_right_hint():
    check_wrong_answers(TASK)


def test_the_file_handed_out_is_to_do():
    check_handed_out(TASK)
