"""The reference, generated from the program itself: `./dev docs` writes it, a test fails when it is stale."""
