//! The files of the web page: embedded in the program, or read from a folder while it is developed.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Path as UrlPath, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::failure::{Failure, Outcome};
use crate::mlflow_ui;
use crate::reply::Reply;
use crate::shared::Shared;

/// The page, its script, its style and its icons, each as a text.
pub(super) const PAGE: &str = include_str!("../../../web/dist/index.html");
pub(super) const SCRIPT: &str = include_str!("../../../web/dist/app.js");
pub(super) const STYLE: &str = include_str!("../../../web/dist/app.css");
pub(super) const ICONS: &str = include_str!("../../../web/dist/icons.svg");

/// A file of the page.
struct File {
    name: &'static str,
    content_type: &'static str,
    embedded: &'static [u8],
}

const INDEX: File = File {
    name: "index.html",
    content_type: "text/html; charset=utf-8",
    embedded: PAGE.as_bytes(),
};

/// The files that the page itself loads.
const ASSETS: &[File] = &[
    File {
        name: "app.js",
        content_type: "text/javascript; charset=utf-8",
        embedded: SCRIPT.as_bytes(),
    },
    File { name: "app.css", content_type: "text/css; charset=utf-8", embedded: STYLE.as_bytes() },
    File { name: "icons.svg", content_type: "image/svg+xml", embedded: ICONS.as_bytes() },
    File {
        name: "notices.txt",
        content_type: "text/plain; charset=utf-8",
        embedded: include_bytes!("../../../web/dist/notices.txt"),
    },
];

/// The page loads nothing from elsewhere, and runs no script but its own.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; frame-src 'self'; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors";
/// The pages of this machine, which may have the page in a frame if the server permits it.
const FRAMES: &str =
    "http://localhost:* http://127.0.0.1:* https://localhost:* https://127.0.0.1:*";

/// Answers `/`: the page, or MLflow's if the server has its folder.
pub(crate) async fn root(shared: State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if shared.options.mlflow_ui.is_some() {
        return mlflow_ui::index(shared).await;
    }
    answer(&shared.0, &INDEX, headers).await
}

/// Answers `/ui/...`: the page, which shows the place that the path names.
pub(crate) async fn index(shared: State<Arc<Shared>>, headers: HeaderMap) -> Response {
    answer(&shared.0, &INDEX, headers).await
}

/// Answers `/assets/...`.
pub(crate) async fn asset(
    shared: State<Arc<Shared>>,
    UrlPath(path): UrlPath<String>,
    headers: HeaderMap,
) -> Response {
    match ASSETS.iter().find(|file| file.name == path) {
        Some(file) => answer(&shared.0, file, headers).await,
        None => Failure::missing(format!("the page has no file {path:?}")).into_response(),
    }
}

async fn answer(shared: &Arc<Shared>, file: &'static File, headers: HeaderMap) -> Response {
    let found = match shared.options.assets.clone() {
        Some(folder) => shared.pool.run(move || read(&folder, file)).await,
        None => Ok(Ok(Cow::Borrowed(file.embedded))),
    };
    match found {
        Ok(Ok(bytes)) => {
            let frames = if shared.options.framed_by_this_machine { FRAMES } else { "'none'" };
            let reply = reply(file, bytes, &headers);
            reply.header(CONTENT_SECURITY_POLICY, &format!("{POLICY} {frames}")).into_response()
        }
        Ok(Err(failure)) | Err(failure) => failure.into_response(),
    }
}

fn read(folder: &Path, file: &File) -> Outcome<Cow<'static, [u8]>> {
    let bytes = fs::read(folder.join(file.name)).map_err(|error| {
        let name = file.name;
        Failure::missing(format!("the folder of the page has no readable file {name:?}: {error}"))
    })?;
    Ok(Cow::Owned(bytes))
}

fn reply(file: &File, bytes: Cow<'static, [u8]>, headers: &HeaderMap) -> Reply {
    let tag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..16]);
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
    let mut reply = Reply::empty(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    if !is_known {
        reply.body = bytes.into_owned();
    }
    // A browser asks each time, so that it never mixes the files of two versions.
    reply
        .header(CONTENT_TYPE, file.content_type)
        .header(CACHE_CONTROL, "no-cache")
        .header(ETAG, &tag)
        .header(REFERRER_POLICY, "no-referrer")
}
