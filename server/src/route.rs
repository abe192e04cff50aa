//! The tables of routes, and the way from a request to its handler.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};

use crate::access::{Caller, Scope};
use crate::body::KeptBody;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, check};
use crate::input;
use crate::reply::Reply;
use crate::schema::Shape;
use crate::shared::Shared;

/// The largest body of a caller that needs no token.
const OPEN_BODY_BYTES_MAX: usize = 4096;

/// Answers a request. It may block, because it runs on a thread of the pool.
pub(crate) type Handler = fn(&Call) -> Outcome<Reply>;

/// A route with JSON in and out.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: Verb,
    /// The path, with parameters such as `{model_id}`.
    pub(crate) path: &'static str,
    /// The right that the caller must have.
    pub(crate) needs: Scope,
    /// The arguments: of the query for GET, else of the body.
    pub(crate) takes: &'static [Field],
    /// The answer.
    pub(crate) returns: Shape,
    pub(crate) handler: Handler,
}

/// The method of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    pub(crate) fn method(self) -> Method {
        match self {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Put => Method::PUT,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Put => MethodFilter::PUT,
            Verb::Patch => MethodFilter::PATCH,
            Verb::Delete => MethodFilter::DELETE,
        }
    }
}

/// Adds the routes of a table below a prefix, such as `/api`.
pub(crate) fn add(
    mut router: Router<Arc<Shared>>,
    prefix: &str,
    routes: &'static [Route],
) -> Router<Arc<Shared>> {
    for route in routes {
        let answer = move |shared: State<Arc<Shared>>, path: PathParams, request: Request| {
            answer(shared.0, route, path, request)
        };
        let path = format!("{prefix}{}", route.path);
        router = router.route(&path, on(route.method.filter(), answer));
    }
    router
}

/// The parameters in a path, which may not be valid UTF-8.
type PathParams = Result<RawPathParams, RawPathParamsRejection>;

async fn answer(
    shared: Arc<Shared>,
    route: &'static Route,
    path: PathParams,
    request: Request,
) -> Response {
    match handle(shared, route, path, request).await {
        Ok(reply) => reply.into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn handle(
    shared: Arc<Shared>,
    route: &'static Route,
    path: PathParams,
    request: Request<Body>,
) -> Outcome<Reply> {
    let (head, body) = request.into_parts();
    let caller = Caller::of(&head)?;
    caller.must(route.needs)?;
    let path = path.map_err(|error| Failure::invalid(error.to_string()))?;
    let path: Vec<(String, String)> =
        path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let is_open = route.needs == Scope::Nobody;
    // A GET has no body, and a stranger's is kept only if it is small and has a meaning.
    let has_body = route.method != Verb::Get && !(is_open && route.takes.is_empty());
    let body = if has_body {
        let most = if is_open { OPEN_BODY_BYTES_MAX } else { shared.options.body_bytes_max };
        shared.bodies.read(&head.headers, body, most).await?
    } else {
        KeptBody::default()
    };
    let call = Arc::clone(&shared);
    let work = move || {
        let query = head.uri.query().unwrap_or_default();
        let mut args = match route.method {
            Verb::Get => input::query(query, route.takes)?,
            // Clients send the arguments of a deletion in either place.
            Verb::Delete => {
                let mut args = input::query(query, route.takes)?;
                args.extend(input::json(&head.headers, &body)?);
                args
            }
            _ => input::json(&head.headers, &body)?,
        };
        drop(body);
        for (name, value) in path {
            args.insert(name, value.into());
        }
        check(route.takes, &args)?;
        (route.handler)(&Call { shared: call, args, caller, headers: head.headers })
    };
    shared.pool.run(work).await?
}

/// The answer to a request that fits no route.
pub(crate) async fn unknown(request: Request) -> Response {
    Failure::no_route(request.method().as_str(), request.uri().path()).into_response()
}
