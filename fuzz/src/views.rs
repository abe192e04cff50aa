//! The expected state of saved views.

use std::collections::BTreeMap;

use tracklite::Database;
use tracklite::view::SavedView;

/// A view, which may be deleted.
#[derive(Clone, Debug, Default)]
pub struct ModelView {
    /// The view after its last save, if it was not deleted since.
    pub saved: Option<SavedView>,
    /// The revision of its last change.
    pub revision: u64,
}

/// Panics unless exactly these views exist, ordered by name.
pub(crate) fn compare_views(database: &Database, wanted: &BTreeMap<String, ModelView>) {
    let found = database.views().expect("list the views");
    let wanted: Vec<&SavedView> =
        wanted.values().filter_map(|known| known.saved.as_ref()).collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), wanted);
    for view in wanted {
        assert_eq!(&database.view(&view.name).expect("find the view"), view);
    }
}
