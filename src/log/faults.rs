//! Behaviour of the log under a mutant: see `mutant.rs`.

use crate::error::Result;
use crate::format::slot::slot_count;
use crate::mutant::fault;

use super::Log;
use super::own_points::Points;

impl Log {
    /// Stores the number of used slots of each extent, for a mutant.
    pub(super) fn store_lengths(&self, points: &Points) -> Result<()> {
        if !fault!(TrustedLength) {
            return Ok(());
        }
        let incarnation = self.check_usable()?.incarnation;
        for (extent, slots) in points.unsealed() {
            let slots = slots.unwrap_or_else(|| slot_count(extent.units));
            self.write_extent_header(incarnation, extent.unit, extent.units, slots)?;
        }
        Ok(())
    }
}
