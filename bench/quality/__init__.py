"""Quality on labelled and generated data: one module a judgement, see __main__."""
