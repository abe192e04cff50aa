"""The exception of MLflow that the worker answers with."""


class MlflowException(Exception):
    def serialize_as_json(self) -> str:
        return '{"error_code": "BAD_REQUEST", "message": "refused"}'

    def get_http_status_code(self) -> int:
        return 400
