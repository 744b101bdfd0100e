"""catboost."""
