"""Programs that tests start, with arguments: they are not to be imported in a search for doctests."""

collect_ignore = ["fake_parent.py", "fake_program.py", "keras_attempts.py"]
