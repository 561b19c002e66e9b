//! `annunciator check`: what a start with these files would say, without an element.

use super::files::Loaded;
use super::trial::try_out;
use super::{Stopped, Voice, discover, plan_with};
use crate::secret::{KeyRing, Sealer};
use crate::tree::Plan;
use crate::yang::builtin_schema;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Checks files as one configuration: what a first start with them would refuse or warn of, the certificates and keys that
/// they name included. A data folder's key opens the encrypted secrets in them; the modules in `schema_dirs`
/// stand beside the product's own.
///
/// # Errors
/// All faults, or that the schema or the key cannot be had.
pub fn check(
    files: &[PathBuf],
    data_dir: Option<&Path>,
    schema_dirs: &[PathBuf],
    out: &mut dyn Write,
) -> Result<u8, Stopped> {
    let found = discover(files);
    let plan = plan_with(schema_dirs, Voice::Person)?;
    let keys = match data_dir {
        Some(folder) if folder.join(super::KEY_FILE_NAME).exists() => KeyRing::load(&folder.join(super::KEY_FILE_NAME)),
        Some(folder) => {
            return Err(Stopped::failed(
                "read the key",
                format!("`{}` holds no `{}`", folder.display(), super::KEY_FILE_NAME),
            ));
        }
        None => KeyRing::ephemeral(),
    };
    let keys: Arc<dyn Sealer> = Arc::new(keys.map_err(|e| Stopped::failed("read the key", e))?);
    let files = found.all(&plan, &*keys).map_err(Stopped::Refused)?;
    let mut loaded = Loaded::from_files(files, &plan, &*keys).map_err(Stopped::Refused)?;
    Voice::Person.warn(&loaded.take_warnings());
    match try_out(&loaded, &keys) {
        Ok(warnings) => Voice::Person.warn(&loaded.placed(warnings)),
        Err(faults) => return Err(Stopped::Refused(loaded.placed(faults))),
    }
    for file in files {
        // Nobody reads any more: the exit code still says it.
        drop(writeln!(out, "{}: ok", file.source.name()));
    }
    if files.is_empty() {
        drop(writeln!(out, "no configuration files"));
    }
    Ok(0)
}

/// Compiles the product's own modules.
///
/// # Errors
/// When they are faulty, which the tests exclude.
pub fn builtin_plan() -> Result<Arc<Plan>, Stopped> {
    builtin_schema().map(Plan::new).map_err(Stopped::Refused)
}
