//! The GraphQL of MLflow's web page: six queries over the handlers of the REST API.

mod document;
mod execute;
mod types;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, any, text};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(crate) const ROUTES: &[Route] = &[Route {
    method: Verb::Post,
    path: "/graphql",
    needs: Scope::Read,
    takes: &[text("query").required(), text("operationName"), any("variables")],
    returns: shape::<Answer>(),
    handler: graphql,
}];

/// The answer to a GraphQL query.
#[derive(Serialize, ToSchema)]
#[schema(as = GraphqlAnswer)]
struct Answer {
    data: Option<Value>,
    errors: Option<Vec<String>>,
}

fn graphql(call: &Call) -> Outcome<Reply> {
    let operation = document::read(call.args.need("query")?, call.args.text("operationName"));
    let answer = match operation {
        Ok(operation) => {
            let variables = call.args.object("variables").cloned().unwrap_or_default();
            let (data, errors) = execute::run(call, &operation, &variables);
            Answer { data, errors: (!errors.is_empty()).then_some(errors) }
        }
        Err(message) => Answer { data: None, errors: Some(vec![message]) },
    };
    Ok(Reply::json(&answer))
}
