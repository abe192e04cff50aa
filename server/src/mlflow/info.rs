//! The facts about the server that MLflow's clients and its web page ask for.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/3.0/mlflow/server-info",
        needs: Scope::Nobody,
        takes: &[],
        returns: shape::<ServerInfo>(),
        handler: server_info,
    },
    Route {
        method: Verb::Get,
        path: "/3.0/mlflow/ui-telemetry",
        needs: Scope::Nobody,
        takes: &[],
        returns: shape::<Telemetry>(),
        handler: telemetry,
    },
];

/// The abilities of this server.
#[derive(Serialize, ToSchema)]
struct ServerInfo {
    /// MLflow knows only its own stores by name.
    store_type: Option<String>,
    workspaces_enabled: bool,
    trace_archival_enabled: bool,
    multipart_uploads_enabled: bool,
    multipart_downloads_enabled: bool,
    features_enabled: Features,
}

/// Groups of features that the page shows or hides.
#[derive(Serialize, ToSchema)]
struct Features {
    gateway: bool,
}

fn server_info(_call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&ServerInfo {
        store_type: None,
        workspaces_enabled: false,
        trace_archival_enabled: false,
        multipart_uploads_enabled: false,
        multipart_downloads_enabled: false,
        features_enabled: Features { gateway: false },
    }))
}

/// Nothing is sent to anybody.
#[derive(Serialize, ToSchema)]
struct Telemetry {
    disable_ui_telemetry: bool,
    disable_ui_events: Vec<String>,
    ui_rollout_percentage: u32,
}

fn telemetry(_call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&Telemetry {
        disable_ui_telemetry: true,
        disable_ui_events: Vec::new(),
        ui_rollout_percentage: 0,
    }))
}
