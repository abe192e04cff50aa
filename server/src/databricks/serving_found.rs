//! The endpoints of the file, for their routes.

use tracklite::endpoint::{EndpointInfo, EndpointSettings, Endpoints};

use crate::call::Call;
use crate::failure::{Failure, Outcome};

/// Returns the endpoints of the file, acting for the caller.
pub(super) fn endpoints(call: &Call) -> Endpoints {
    call.database().endpoints().acting_for(&call.caller.user)
}

/// Changes the settings of an endpoint.
pub(super) fn changed(
    call: &Call,
    info: &EndpointInfo,
    settings: &EndpointSettings,
) -> Outcome<EndpointInfo> {
    let info = endpoints(call).set(&info.name, settings, None)?;
    call.shared.serving.look();
    Ok(info)
}

/// The failure for an endpoint that does not exist.
pub(super) fn missing(name: &str) -> Failure {
    Failure::missing(format!("Endpoint with name '{name}' does not exist."))
}
