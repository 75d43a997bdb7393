//! Long lists, a page at a time.

/// Which page of a list.
///
/// # Example
/// ```
/// use tower_tokens::repository::PageRequest;
///
/// let first = PageRequest::first(20);
/// assert_eq!((first.offset(), first.limit()), (0, 20));
/// assert_eq!(first.next().offset(), 20);
/// assert_eq!(PageRequest::first(0).limit(), 1, "a page holds 1 to 1,000 items");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    offset: u32,
    limit: u32,
}

impl PageRequest {
    /// The most items of a page. Our choice: it bounds what one call holds in memory.
    pub const MAX_LIMIT: u32 = 1_000;

    /// The first `limit` items (1 to 1,000; a number outside is moved to the nearer end).
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        let limit = if limit == 0 {
            1
        } else if limit > Self::MAX_LIMIT {
            Self::MAX_LIMIT
        } else {
            limit
        };
        Self { offset: 0, limit }
    }

    /// The same number of items, after the first `offset` ones.
    #[must_use]
    pub const fn starting_at(self, offset: u32) -> Self {
        Self { offset, limit: self.limit }
    }

    /// The page after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { offset: self.offset.saturating_add(self.limit), limit: self.limit }
    }

    /// How many items are passed over.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// How many items the page holds at most.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }
}

impl Default for PageRequest {
    /// The first 100 items. Our choice: few people have more devices than that.
    fn default() -> Self {
        Self::first(100)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores build it")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the list goes on, or `None` if it ends here.
    pub next: Option<PageRequest>,
}

impl<T> Page<T> {
    /// The page out of `items`, for which the store was asked for one more item than `request` holds: the surplus says
    /// that the list goes on, and is cut off.
    #[must_use]
    pub fn from_limit_plus_one(mut items: Vec<T>, request: PageRequest) -> Self {
        let goes_on = items.len() > request.limit() as usize;
        items.truncate(request.limit() as usize);
        Self { items, next: goes_on.then(|| request.next()) }
    }
}
