//! The API key for a server. It is read when a run starts, so that a new key is used at once, and it is never shown.

use crate::base::error::cause;
use crate::plugs::verification::settings::{Detector, Settings};
use md5::{Digest, Md5};
use std::fmt;
use std::path::Path;

/// A key. Its debug format is hidden.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// The name of the credential from the service manager.
const CREDENTIAL: &str = "model-key";

impl Key {
    /// Reads the key file in the settings, else the service's credential. `None` for a self-hosted server that needs no
    /// key.
    ///
    /// # Errors
    ///
    /// With the reason why there is no key.
    pub fn read(settings: &Settings, credentials: Option<&Path>) -> Result<Option<Self>, String> {
        let credential = credentials.map(|folder| folder.join(CREDENTIAL)).filter(|path| path.exists());
        let Some(path) = settings.key_file.clone().or(credential) else {
            let is_own = settings.detector == Detector::OpenAi && settings.base_url.is_some();
            return if is_own {
                Ok(None)
            } else {
                Err(format!("there is no key: name a `key_file`, or hand over the credential `{CREDENTIAL}`"))
            };
        };
        #[expect(clippy::disallowed_methods, reason = "the key, not the database")]
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| format!("cannot read the key `{}`: {}", path.display(), cause(&error)))?;
        let key = text.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("`{}` holds no key: one line of visible characters", path.display()));
        }
        Ok(Some(Self(key.to_owned())))
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// A short mark of the key: enough to see that the key has changed, too little to reveal it.
    pub(super) fn mark(&self) -> String {
        hex::encode(&Md5::digest(&self.0)[..2])
    }

    /// The key, for the header of a request.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "no database is written as a file here")]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_from_a_file_or_a_credential_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let anthropic = Settings { detector: Detector::Anthropic, ..Settings::default() };
        let missing = "there is no key: name a `key_file`, or hand over the credential `model-key`";
        assert_eq!(Key::read(&anthropic, Some(folder.path())), Err(missing.to_owned()));
        std::fs::write(folder.path().join(CREDENTIAL), "sk-1\n").unwrap();
        let key = Key::read(&anthropic, Some(folder.path())).unwrap().unwrap();
        assert_eq!((key.expose(), &*format!("{key:?}")), ("sk-1", "Key(…)"));
        std::fs::write(folder.path().join("file"), " \n").unwrap();
        let named = Settings { key_file: Some(folder.path().join("file")), ..anthropic };
        assert!(Key::read(&named, Some(folder.path())).unwrap_err().ends_with("one line of visible characters"));
        let own = Settings { detector: Detector::OpenAi, base_url: Some("http://x".into()), ..Settings::default() };
        assert_eq!(Key::read(&own, None), Ok(None));
    }
}
