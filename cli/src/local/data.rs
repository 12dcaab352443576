//! A sweep's data set as it lies on this machine.

use std::{path::PathBuf, sync::Arc};

use hone_worker::data::{DataError, DataSet};

use super::{
    remembered::{Remembered, Sighting},
    setup,
};
use crate::{
    exit::wrong,
    output::{numbers::hex, out},
    sweep_file::{Data, SweepFile},
};

/// What a launcher says of its data: the set is pinned to what it found.
#[derive(Clone, Debug)]
pub struct DataHere {
    /// The set.
    pub set: Arc<DataSet>,
    /// Hashes of what lay in this very place when this sweep file was launched before.
    pub before: Vec<[u8; 32]>,
    place: String,
    file: String,
}

impl DataHere {
    /// Opens the set of a sweep file, below what `--data` names; the inner error says that it is not on this machine.
    ///
    /// # Errors
    /// It is here and cannot be used (a [`DataError`]); a flag names what is not there.
    pub fn find(
        file: &SweepFile,
        data: &Data,
        named: &[String],
    ) -> anyhow::Result<Result<Self, String>> {
        if let Some(path) = &data.namesake {
            out::note(format!(
                "source = {:?} is the known set of that name; the folder beside the sweep file is source = {path:?}",
                data.name
            ));
        }
        let all = setup::with_folder(named, data);
        let own = data.folder.as_ref().filter(|_| all.len() > named.len());
        if let Some(folder) = own.filter(|folder| !folder.is_dir()) {
            let (name, folder) = (&data.name, folder.display());
            return Ok(Err(format!(
                "{name}: there is no folder {folder}; --data {name}=DIR says where it is"
            )));
        }
        let set = match setup::library(&all)?.open(&data.set) {
            Ok(set) => set,
            Err(error @ DataError::Missing { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let place = place(data, &all);
        Ok(Ok(Self {
            before: Remembered::read().hashes(&file.identity, &place),
            file: file.identity.clone(),
            place,
            set,
        }))
    }

    /// As [`find`](Self::find), for a launcher that need not have the data; `None`: they are not here.
    pub fn if_here(file: &SweepFile) -> anyhow::Result<Option<Self>> {
        match &file.data {
            Some(data) => match Self::find(file, data, &[]) {
                Ok(found) => Ok(found.ok()),
                Err(error) => Err(wrong(error.to_string())),
            },
            None => Ok(None),
        }
    }

    /// Height, width, channels.
    pub fn shape(&self) -> Vec<u32> {
        let shape = self.set.shape;
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        [shape.height, shape.width, shape.channels]
            .map(side)
            .to_vec()
    }

    /// Notes down what a launch was made with, for later commands.
    pub fn remember(&self) {
        Remembered::read().note(Sighting {
            file: self.file.clone(),
            place: self.place.clone(),
            hash: hex(&self.set.hash),
        });
    }
}

/// The folder, or the name of a known set: wherever its files lie, they are meant to be the same.
fn place(data: &Data, named: &[String]) -> String {
    let mut folders = named.iter().filter_map(|text| setup::named_folder(text));
    let folder = folders.find(|(name, _)| *name == data.name);
    match folder {
        Some((_, path)) => {
            std::path::absolute(path).map_or(path.to_owned(), |p| p.display().to_string())
        }
        None => data.name.clone(),
    }
}

/// Where a set with this hash was when it was last launched here.
pub fn folder_of(hash: &str) -> Option<PathBuf> {
    Remembered::read().folder_of(hash)
}

/// The flags for a set that is known by its hash: its folder as `--data` names it, or where it was when it was last launched
/// here.
pub fn find_again(named: &[String], name: &str, hash: Option<&str>) -> Vec<String> {
    let mut all = named.to_vec();
    let is_named = named
        .iter()
        .any(|text| setup::named_folder(text).is_some_and(|(n, _)| n == name));
    let folder = hash.and_then(folder_of);
    if let (false, Some(folder)) = (is_named, folder) {
        all.push(format!("{name}={}", folder.display()));
    }
    all
}
