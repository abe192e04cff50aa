"""The variable that the worker sets."""


class Variable:
    name = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"


_MLFLOW_IS_IN_SERVING_ENVIRONMENT = Variable
