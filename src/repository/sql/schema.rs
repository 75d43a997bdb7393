//! Which steps lead from one version of the tables to the next.

use crate::error::{Error, ErrorKind};

/// The steps that are still to be taken from `version`, where `migrations` holds them all.
///
/// # Errors
/// [`ErrorKind::Corrupt`] when a later release has made the tables newer than this one knows.
pub(in crate::repository) fn missing_steps<'m>(
    version: i64,
    migrations: &'m [&'static str],
) -> Result<&'m [&'static str], Error> {
    usize::try_from(version).ok().and_then(|version| migrations.get(version..)).ok_or_else(|| {
        let known = migrations.len();
        Error::with_source(
            ErrorKind::Corrupt,
            format!(
                "the database has schema version {version} of tower-tokens, this release knows versions up to {known}"
            ),
        )
    })
}
