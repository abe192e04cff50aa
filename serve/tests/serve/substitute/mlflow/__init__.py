"""A substitute for MLflow: models that do what a test asks for, without any package."""

__version__ = "0.0.0"
