//! The schemas of answers, from their types.

use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// The schema of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: fn() -> String,
    pub(crate) schema: fn() -> RefOr<Schema>,
    /// Adds the schemas that it refers to.
    pub(crate) parts: fn(&mut Vec<(String, RefOr<Schema>)>),
    /// The type of the content.
    pub(crate) content_type: &'static str,
}

impl Shape {
    /// Sets the type of an answer that is not JSON.
    pub(crate) const fn sent_as(self, content_type: &'static str) -> Shape {
        Shape { content_type, ..self }
    }
}

/// Returns the schema of a type.
pub(crate) const fn shape<T: ToSchema>() -> Shape {
    let content_type = "application/json";
    Shape { name: name_of::<T>, schema: T::schema, parts: T::schemas, content_type }
}

fn name_of<T: ToSchema>() -> String {
    T::name().into_owned()
}
