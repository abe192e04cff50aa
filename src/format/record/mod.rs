//! The records of the metadata chain: one plain struct per kind and version.
//!
//! A released struct never changes. A new field needs a new version.

mod artifacts;
mod endpoints;
mod jobs;
mod logged_models;
mod registry;
mod storage;
mod tables;
mod tokens;
mod tracking;
mod views;
mod webhooks;

use std::ops::RangeInclusive;

use bincode::error::{DecodeError, EncodeError};

pub use super::ids::{Incarnation, Position, SeriesId};
pub use artifacts::{
    ArtifactReferenced, ArtifactsDeleted, ArtifactsWritten, ChunkUnitOpened, ChunksFreed,
    ChunksStored, FileContent, StoredChunk, WrittenFile,
};
#[cfg(feature = "internals")]
pub use endpoints::{EndpointConfigV0, EndpointStateV0, ServedEntityV0};
pub use endpoints::{EndpointDeleted, EndpointSaved, EndpointSavedV0};
pub use jobs::{
    JobAttemptEnded, JobAttemptStarted, JobDeleted, JobGrantsSet, JobRunCanceled, JobRunCreated,
    JobRunDeleted, JobRunEnded, JobRunNotified, JobRunRepaired, JobSaved,
};
pub use logged_models::{
    LoggedModelCreated, LoggedModelCreatedV0, LoggedModelLifecycleSet, LoggedModelMetricsLogged,
    LoggedModelParamsSet, LoggedModelSignatureSet, LoggedModelTagDeleted, LoggedModelTagsSet,
    LoggedModelUpdated, LoggedModelsPurged, MeasuredMetric,
};
pub use registry::{
    AliasDeleted, AliasSet, CatalogCreated, CatalogDropped, CatalogOwnerSet, CatalogRenamed,
    CatalogUpdated, ModelVersionCreated, ModelVersionCreatedV0, ModelVersionDeleted,
    ModelVersionFinalized, ModelVersionTagDeleted, ModelVersionTagsSet, ModelVersionUpdated,
    RegisteredModelCreated, RegisteredModelDeleted, RegisteredModelRenamed,
    RegisteredModelTagDeleted, RegisteredModelTagsSet, RegisteredModelUpdated, RegistryModeSet,
    SchemaCreated, SchemaDropped, SchemaOwnerSet, SchemaRenamed, SchemaUpdated,
};
pub use storage::{
    BlockMoved, BlockPlace, BlockUnitOpened, Checkpoint, CheckpointExperiment, CheckpointExtent,
    CheckpointKind, CheckpointWriter, ExtentOpened, Punched, RowDefined, Sealed, SealedBlock,
    SealedSeries, SeriesDefined, WriterClosed, WriterOpened,
};
pub use tables::{RowSegment, RowsWritten, SegmentsMerged, TableDropped, TableSaved};
pub use tokens::{TokenCreated, TokenRevoked};
pub use tracking::{
    DatasetLogged, ExperimentCreated, ExperimentLifecycleSet, ExperimentRenamed,
    ExperimentTagDeleted, ExperimentTagsSet, FolderMade, FolderRemoved, InputsLogged,
    OutputsLogged, ParamsSet, Purged, RunLifecycleSet, RunResumed, RunStarted, RunUpdated,
    TagDeleted, TagsSet,
};
pub use views::{ViewDeleted, ViewSaved};
pub use webhooks::{WebhookCreated, WebhookDeleted, WebhookUpdated};

/// The kinds of records of folders, including future ones.
pub(crate) const FOLDER_KINDS: RangeInclusive<u16> = 37..=39;

/// The kinds of records of logged models, including future ones.
const LOGGED_MODEL_KINDS: RangeInclusive<u16> = 64..=79;
/// The kinds of records of the registry, including future ones.
pub(crate) const REGISTRY_KINDS: RangeInclusive<u16> = 96..=127;

/// The kinds of records of stored tables, including future ones.
pub(crate) const TABLE_KINDS: RangeInclusive<u16> = 160..=175;

/// The kinds of records of jobs, including future ones.
pub(crate) const JOB_KINDS: RangeInclusive<u16> = 176..=191;

/// The kinds of records of access tokens, including future ones.
pub(crate) const TOKEN_KINDS: RangeInclusive<u16> = 224..=231;

/// The kinds of records of webhooks, including future ones.
pub(crate) const WEBHOOK_KINDS: RangeInclusive<u16> = 232..=239;

/// The kinds of records of saved views, including future ones.
pub(crate) const VIEW_KINDS: RangeInclusive<u16> = 240..=247;

/// The kinds of records of endpoints, including future ones.
pub(crate) const ENDPOINT_KINDS: RangeInclusive<u16> = 248..=255;

/// How a build treats a record whose kind or version it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecordClass {
    /// It ignores the record.
    Ignorable = 0,
    /// It continues to read, but does not write.
    WriteIncompatible = 1,
    /// It rejects the file.
    ReadIncompatible = 2,
}

impl RecordClass {
    /// Converts a number to a class. Unknown numbers count as the strictest class.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            0 => RecordClass::Ignorable,
            1 => RecordClass::WriteIncompatible,
            _ => RecordClass::ReadIncompatible,
        }
    }
}

/// Declares [`Record`] from the structs above with their kinds, versions and classes.
///
/// Earlier versions of a struct follow. They are read as the current one. Only tests write them.
macro_rules! records {
    (
        current {
            $($name:ident = $kind:literal, $version:literal, $class:ident;)*
        }
        earlier {
            $($old:ident = $old_kind:literal, $old_version:literal, $old_class:ident
                => $new:ident;)*
        }
    ) => {
        /// A record of the chain of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Record {
            $(#[doc = concat!("See [`", stringify!($name), "`](struct@", stringify!($name), ").")]
            $name($name),)*
            $(#[doc = concat!("See [`", stringify!($old), "`](struct@", stringify!($old), ").")]
            $old($old),)*
            /// A record of a kind or version that this build does not know.
            Unknown {
                /// The kind.
                kind: u16,
                /// The version.
                version: u8,
                /// How this build must treat it.
                class: RecordClass,
            },
        }

        $(impl $name {
            /// The kind of the record in the file.
            #[allow(dead_code, reason = "few kinds are used by name")]
            pub const KIND: u16 = $kind;
        }

        impl From<$name> for Record {
            fn from(record: $name) -> Self {
                Record::$name(record)
            }
        })*

        $(impl From<$old> for Record {
            fn from(record: $old) -> Self {
                Record::$old(record)
            }
        })*

        impl Record {
            /// Returns the kind, version and class of the record in the file.
            #[must_use]
            pub fn tag(&self) -> (u16, u8, RecordClass) {
                match self {
                    $(Record::$name(_) => ($kind, $version, RecordClass::$class),)*
                    $(Record::$old(_) => ($old_kind, $old_version, RecordClass::$old_class),)*
                    Record::Unknown { kind, version, class } => (*kind, *version, *class),
                }
            }

            /// Appends the record's body to `bytes`. An unknown record has none.
            pub(super) fn encode_body(&self, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
                match self {
                    $(Record::$name(record) => super::body::encode_body(record, bytes),)*
                    $(Record::$old(record) => super::body::encode_body(record, bytes),)*
                    Record::Unknown { .. } => Ok(()),
                }
            }

            /// The name, kind, version and class of each record.
            #[cfg(test)]
            pub(super) const TAGS: &[(&str, u16, u8, RecordClass)] = &[
                $((stringify!($name), $kind, $version, RecordClass::$class),)*
                $((stringify!($old), $old_kind, $old_version, RecordClass::$old_class),)*
            ];

            /// Returns whether this build knows records of this kind and version.
            pub(crate) fn is_known(kind: u16, version: u8) -> bool {
                matches!((kind, version), $(($kind, $version))|* $(| ($old_kind, $old_version))*)
            }

            /// Decodes the body of a record of this kind and version.
            pub(super) fn decode_body(
                kind: u16,
                version: u8,
                class: RecordClass,
                body: &[u8],
            ) -> Result<Self, DecodeError> {
                match (kind, version) {
                    $(($kind, $version) => super::body::decode_body(body).map(Record::$name),)*
                    $(($old_kind, $old_version) => super::body::decode_body::<$old>(body)
                        .map(|record| Record::$new(record.into())),)*
                    _ => Ok(Record::Unknown { kind, version, class }),
                }
            }
        }
    };
}

records! {
    current {
        WriterOpened = 1, 0, WriteIncompatible;
        WriterClosed = 2, 0, WriteIncompatible;
        ExtentOpened = 3, 0, ReadIncompatible;
        BlockUnitOpened = 4, 0, WriteIncompatible;
        Sealed = 5, 0, ReadIncompatible;
        Punched = 6, 0, Ignorable;
        BlockMoved = 7, 0, ReadIncompatible;
        SeriesDefined = 8, 0, ReadIncompatible;
        RowDefined = 9, 0, ReadIncompatible;
        Checkpoint = 10, 0, WriteIncompatible;
        ChunkUnitOpened = 11, 0, WriteIncompatible;
        ChunksStored = 12, 0, WriteIncompatible;
        ChunksFreed = 13, 0, WriteIncompatible;
        ExperimentCreated = 32, 0, ReadIncompatible;
        ExperimentRenamed = 33, 0, ReadIncompatible;
        ExperimentLifecycleSet = 34, 0, ReadIncompatible;
        ExperimentTagsSet = 35, 0, ReadIncompatible;
        ExperimentTagDeleted = 36, 0, ReadIncompatible;
        FolderMade = 37, 0, WriteIncompatible;
        FolderRemoved = 38, 0, WriteIncompatible;
        RunStarted = 48, 0, ReadIncompatible;
        RunResumed = 49, 0, WriteIncompatible;
        RunUpdated = 50, 0, ReadIncompatible;
        RunLifecycleSet = 51, 0, ReadIncompatible;
        ParamsSet = 52, 0, ReadIncompatible;
        TagsSet = 53, 0, ReadIncompatible;
        TagDeleted = 54, 0, ReadIncompatible;
        Purged = 55, 0, ReadIncompatible;
        InputsLogged = 56, 0, ReadIncompatible;
        OutputsLogged = 57, 0, ReadIncompatible;
        LoggedModelCreated = 64, 1, ReadIncompatible;
        LoggedModelUpdated = 65, 0, ReadIncompatible;
        LoggedModelParamsSet = 66, 0, ReadIncompatible;
        LoggedModelTagsSet = 67, 0, ReadIncompatible;
        LoggedModelTagDeleted = 68, 0, ReadIncompatible;
        LoggedModelMetricsLogged = 69, 0, ReadIncompatible;
        LoggedModelLifecycleSet = 70, 0, ReadIncompatible;
        LoggedModelSignatureSet = 71, 0, ReadIncompatible;
        LoggedModelsPurged = 72, 0, ReadIncompatible;
        ArtifactsWritten = 80, 0, ReadIncompatible;
        ArtifactReferenced = 81, 0, ReadIncompatible;
        ArtifactsDeleted = 82, 0, ReadIncompatible;
        RegisteredModelCreated = 96, 0, ReadIncompatible;
        RegisteredModelRenamed = 97, 0, ReadIncompatible;
        RegisteredModelUpdated = 98, 0, ReadIncompatible;
        RegisteredModelDeleted = 99, 0, ReadIncompatible;
        RegisteredModelTagsSet = 100, 0, ReadIncompatible;
        RegisteredModelTagDeleted = 101, 0, ReadIncompatible;
        ModelVersionCreated = 102, 1, ReadIncompatible;
        ModelVersionUpdated = 103, 0, ReadIncompatible;
        ModelVersionDeleted = 104, 0, ReadIncompatible;
        ModelVersionTagsSet = 105, 0, ReadIncompatible;
        ModelVersionTagDeleted = 106, 0, ReadIncompatible;
        AliasSet = 107, 0, ReadIncompatible;
        AliasDeleted = 108, 0, ReadIncompatible;
        RegistryModeSet = 109, 0, ReadIncompatible;
        CatalogCreated = 110, 0, ReadIncompatible;
        CatalogUpdated = 111, 0, ReadIncompatible;
        CatalogDropped = 112, 0, ReadIncompatible;
        SchemaCreated = 113, 0, ReadIncompatible;
        SchemaUpdated = 114, 0, ReadIncompatible;
        SchemaDropped = 115, 0, ReadIncompatible;
        ModelVersionFinalized = 116, 0, ReadIncompatible;
        CatalogRenamed = 117, 0, ReadIncompatible;
        SchemaRenamed = 118, 0, ReadIncompatible;
        CatalogOwnerSet = 119, 0, ReadIncompatible;
        SchemaOwnerSet = 120, 0, ReadIncompatible;
        TableSaved = 160, 0, ReadIncompatible;
        TableDropped = 161, 0, ReadIncompatible;
        RowsWritten = 162, 0, ReadIncompatible;
        SegmentsMerged = 163, 0, ReadIncompatible;
        JobSaved = 176, 0, WriteIncompatible;
        JobDeleted = 177, 0, WriteIncompatible;
        JobRunCreated = 178, 0, WriteIncompatible;
        JobAttemptStarted = 179, 0, WriteIncompatible;
        JobAttemptEnded = 180, 0, WriteIncompatible;
        JobRunEnded = 181, 0, WriteIncompatible;
        JobRunCanceled = 182, 0, WriteIncompatible;
        JobRunRepaired = 183, 0, WriteIncompatible;
        JobRunDeleted = 184, 0, WriteIncompatible;
        JobRunNotified = 185, 0, WriteIncompatible;
        JobGrantsSet = 186, 0, WriteIncompatible;
        TokenCreated = 224, 0, WriteIncompatible;
        TokenRevoked = 225, 0, WriteIncompatible;
        WebhookCreated = 232, 0, WriteIncompatible;
        WebhookUpdated = 233, 0, WriteIncompatible;
        WebhookDeleted = 234, 0, WriteIncompatible;
        ViewSaved = 240, 0, WriteIncompatible;
        ViewDeleted = 241, 0, WriteIncompatible;
        EndpointSaved = 248, 1, WriteIncompatible;
        EndpointDeleted = 249, 0, WriteIncompatible;
    }
    earlier {
        LoggedModelCreatedV0 = 64, 0, ReadIncompatible => LoggedModelCreated;
        ModelVersionCreatedV0 = 102, 0, ReadIncompatible => ModelVersionCreated;
        EndpointSavedV0 = 248, 0, WriteIncompatible => EndpointSaved;
    }
}

/// Returns whether records of this kind define series or rows.
pub(crate) const fn is_definition(kind: u16) -> bool {
    matches!(kind, SeriesDefined::KIND | RowDefined::KIND)
}

/// Returns whether records of this kind concern files and chunks, which only the index needs.
pub(crate) const fn is_of_artifacts(kind: u16) -> bool {
    matches!(
        kind,
        ChunksStored::KIND
            | ChunksFreed::KIND
            | ArtifactsWritten::KIND
            | ArtifactReferenced::KIND
            | ArtifactsDeleted::KIND
    )
}

/// Returns whether records of this kind concern folders, models, tables, jobs, tokens, webhooks,
/// views or endpoints.
///
/// Only the index needs them.
///
/// A writer only needs to know whether there are any.
pub(crate) fn is_of_index(kind: u16) -> bool {
    let all = [
        FOLDER_KINDS,
        LOGGED_MODEL_KINDS,
        REGISTRY_KINDS,
        TABLE_KINDS,
        JOB_KINDS,
        TOKEN_KINDS,
        WEBHOOK_KINDS,
        VIEW_KINDS,
        ENDPOINT_KINDS,
    ];
    all.iter().any(|kinds| kinds.contains(&kind))
}

/// Returns whether the first field of records of this kind is their run.
///
/// [`SeriesDefined`] is about a run too, but begins with the writer.
pub(super) const fn begins_with_run(kind: u16) -> bool {
    matches!(
        kind,
        RunStarted::KIND
            | RunResumed::KIND
            | RunUpdated::KIND
            | RunLifecycleSet::KIND
            | ParamsSet::KIND
            | TagsSet::KIND
            | TagDeleted::KIND
            | InputsLogged::KIND
            | OutputsLogged::KIND
    )
}
