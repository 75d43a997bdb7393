//! The application's own data of a user.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The application's own data of a user, which a store brought along with the look-up.
///
/// `Debug` shows no data. Two values are equal if they share the same data.
#[derive(Clone)]
pub struct UserData(Arc<dyn Any + Send + Sync>);

impl UserData {
    /// Data of any type.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(data: T) -> Self {
        Self(Arc::new(data))
    }

    #[cfg(feature = "_sql")]
    pub(crate) fn from_arc(data: Arc<dyn Any + Send + Sync>) -> Self {
        Self(data)
    }

    /// The data, if it is of this type.
    #[must_use]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// The data in an `Arc`, which may outlive the request, if it is of this type.
    #[must_use]
    pub fn get_shared<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0).downcast().ok()
    }
}

impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserData(_)")
    }
}

impl PartialEq for UserData {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for UserData {}
