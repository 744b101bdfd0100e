"""``python -m automl`` is ``automl``."""

from automl.cli.main import main

if __name__ == "__main__":
    main()
