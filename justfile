# The recipes call ./dev, which makes its own environment and works without just.

default:
    @just --list

# play the story of a bad release and a lost machine
demo *arguments:
    ./dev demo {{arguments}}

# all checks, then the tests
test *arguments:
    ./dev test {{arguments}}

# ruff, mypy and import-linter in one report
check:
    ./dev check

# one benchmark: just bench rollback --quick
bench name *arguments:
    ./dev bench {{name}} {{arguments}}

# write docs/reference anew from the program
docs:
    ./dev docs

# only make the environment
setup:
    ./dev setup

# write uv.lock and requirements.lock anew
lock *arguments:
    ./dev lock {{arguments}}
