"""`python -m bot` is the `pullwright` command."""

from bot.cli.main import main

if __name__ == "__main__":
    main()
