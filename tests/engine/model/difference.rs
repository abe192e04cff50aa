//! The difference between two observations of a file.

use std::collections::BTreeMap;

use crate::support::{Content, RunContent};

/// Describes the first difference.
pub fn difference(found: &Content, expected: &Content) -> String {
    if found.experiments != expected.experiments {
        let (found, expected) = (&found.experiments, &expected.experiments);
        return format!("experiments {found:?}, expected {expected:?}");
    }
    let ids = |content: &Content| content.runs.keys().copied().collect::<Vec<_>>();
    if ids(found) != ids(expected) {
        return format!("runs {:?}, expected {:?}", ids(found), ids(expected));
    }
    for (id, run) in &found.runs {
        let other = &expected.runs[id];
        if run == other {
            continue;
        }
        for (key, points) in &run.metrics {
            let wanted = other.metrics.get(key).map_or(&[][..], Vec::as_slice);
            if points != wanted {
                let at = points.iter().zip(wanted).position(|(left, right)| left != right);
                return format!(
                    "run {id}, metric {key}: {} points, expected {}; first difference {at:?}: \
                     {:?} {:?}",
                    points.len(),
                    wanted.len(),
                    at.and_then(|at| points.get(at)),
                    at.and_then(|at| wanted.get(at)),
                );
            }
        }
        let bare = |run: &RunContent| RunContent { metrics: BTreeMap::new(), ..run.clone() };
        return format!("run {id}: {:?}, expected {:?}", bare(run), bare(other));
    }
    "no difference".to_owned()
}
