//! Tables of other libraries, imported by Arrow's C interface. All unsafe code of the wrapper.

use arrow_array::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::{RecordBatch, RecordBatchReader as _};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// Reads an object that has `__arrow_c_stream__`.
pub(super) fn imported(table: &Bound<'_, PyAny>) -> PyResult<(SchemaRef, Vec<RecordBatch>)> {
    let capsule = table.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast_into::<PyCapsule>().map_err(|_| {
        PyTypeError::new_err("__arrow_c_stream__ must return a PyCapsule of a stream")
    })?;
    let stream = take_stream(&capsule)?;
    let reader = ArrowArrayStreamReader::try_new(stream).map_err(arrow_error)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
    Ok((schema, batches))
}

/// Converts an error of Arrow, such as columns of different lengths.
pub(super) fn arrow_error(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Moves the stream out of a capsule, which keeps an empty one.
fn take_stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<FFI_ArrowArrayStream> {
    let pointer = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
    #[expect(unsafe_code, reason = "the C interface passes a pointer")]
    // SAFETY: by the PyCapsule interface, a capsule of this name holds a pointer to an initialized
    // `ArrowArrayStream`. No other thread moves it, because the interpreter lock is held.
    // `from_raw` marks the original as released, so that the capsule does not release it again.
    Ok(unsafe { FFI_ArrowArrayStream::from_raw(pointer.cast().as_ptr()) })
}
