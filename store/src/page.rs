//! Pages of lists. A list is in the order of the positions of its rows. A page begins after a place, which stays valid when
//! its row is removed.

use std::fmt;

use sqlx::FromRow;
use sqlx::any::AnyRow;
use sqlx::{Any, Row};

use super::database::Store;
use super::error::StoreError;

/// The page of a list that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The page begins after this place; `None`: at the begin of the list.
    pub after: Option<Place>,
    /// The most items.
    pub most: u32,
    /// Whether the list runs from its last item to its first.
    pub newest_first: bool,
}

impl PageRequest {
    /// The first page of a list, in its own order.
    #[must_use]
    pub const fn first(most: u32) -> Self {
        Self { after: None, most, newest_first: false }
    }

    /// Returns the place to begin after; without one, a place before every row.
    fn begin(&self) -> (i64, &str) {
        match &self.after {
            Some(place) => (place.position, &place.id),
            None if self.newest_first => (i64::MAX, ""),
            None => (i64::MIN, ""),
        }
    }
}

/// The place of an item in its list. Clients get it as a text and return it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    position: i64,
    id: String,
}

/// Between the two parts of a place.
const SEPARATOR: char = '~';

impl Place {
    /// Reads the text of a place; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (position, id) = text.split_once(SEPARATOR)?;
        Some(Self { position: position.parse().ok()?, id: id.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}", self.position, self.id)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; `None`: this is the last one.
    pub next: Option<Place>,
}

impl<T> Page<T> {
    /// Converts the items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }

    /// Converts the items, if every one can be converted.
    ///
    /// # Errors
    /// The first one of `convert`.
    pub fn try_map<U, E>(self, convert: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(convert).collect::<Result<_, E>>()?;
        Ok(Page { items, next: self.next })
    }

    /// Cuts a page out of a whole list. `name` returns the text by which the items are ordered; each item has another one.
    pub fn of_list(mut list: Vec<T>, request: &PageRequest, name: impl for<'t> Fn(&'t T) -> &'t str) -> Self {
        list.sort_by(|a, b| name(a).cmp(name(b)));
        if request.newest_first {
            list.reverse();
        }
        if let Some(Place { id, .. }) = &request.after {
            let is_after = |item: &T| match request.newest_first {
                false => name(item) > id.as_str(),
                true => name(item) < id.as_str(),
            };
            list.retain(is_after);
        }
        let has_more = list.len() > request.most as usize;
        list.truncate(request.most as usize);
        let last = list.last().filter(|_| has_more);
        let next = last.map(|last| Place { position: 0, id: name(last).to_owned() });
        Self { items: list, next }
    }
}

/// A row with its place.
struct Placed<C> {
    columns: C,
    place: Place,
}

impl<'r, C: FromRow<'r, AnyRow>> FromRow<'r, AnyRow> for Placed<C> {
    fn from_row(row: &'r AnyRow) -> Result<Self, sqlx::Error> {
        let place = Place { position: row.try_get("page_position")?, id: row.try_get("page_id")? };
        Ok(Self { columns: C::from_row(row)?, place })
    }
}

/// The two queries of a list: in its order, and from its end. The arguments $1, $2 and $3 are those of every list; the
/// conditions begin with $4.
pub(super) type PageQueries = [&'static str; 2];

/// Writes the queries of a list: the columns, the tables and the conditions, each a text or several in brackets, then the
/// position and the id of a row.
macro_rules! page_queries {
    ([$($columns:literal),+], [$($tables:literal),+], $conditions:literal, $position:literal, $id:literal) => {
        [
            $crate::page::page_queries!(@ [$($columns),+], [$($tables),+], $conditions, $position, $id, " > ", ""),
            $crate::page::page_queries!(@ [$($columns),+], [$($tables),+], $conditions, $position, $id, " < ", " DESC"),
        ]
    };
    ($columns:literal, $tables:literal, $conditions:literal, $position:literal, $id:literal) => {
        $crate::page::page_queries!([$columns], [$tables], $conditions, $position, $id)
    };
    (@ [$($columns:literal),+], [$($tables:literal),+], $conditions:literal, $position:literal, $id:literal,
     $after:literal, $order:literal) => {
        concat!(
            "SELECT ", $($columns,)+ ", ", $position, " AS page_position, ", $id, " AS page_id FROM ", $($tables,)+
            " WHERE (", $conditions, ") AND (", $position, ", ", $id, ")", $after, "($1, $2) ORDER BY ", $position, $order,
            ", ", $id, $order, " LIMIT $3"
        )
    };
}
pub(super) use page_queries;

impl Store {
    /// Reads a page of a list. `arguments` are those of its conditions.
    pub(super) async fn page<C>(
        &self,
        queries: PageQueries,
        request: &PageRequest,
        arguments: &[Option<&str>],
    ) -> Result<Page<C>, StoreError>
    where
        C: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let (position, id) = request.begin();
        // One more than wanted tells whether there is a next page.
        let rows = i64::from(request.most).saturating_add(1);
        let query = sqlx::query_as::<Any, Placed<C>>(queries[usize::from(request.newest_first)]);
        let query = query.bind(position).bind(id.to_owned()).bind(rows);
        let query = arguments.iter().fold(query, |query, argument| query.bind(argument.map(str::to_owned)));
        let mut found = query.fetch_all(&self.readers).await?;
        let has_more = found.len() > request.most as usize;
        found.truncate(request.most as usize);
        let next = found.last().filter(|_| has_more).map(|last| last.place.clone());
        Ok(Page { items: found.into_iter().map(|row| row.columns).collect(), next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place { position: -3, id: "a~b".to_owned() };
        assert_eq!(Place::parse(&place.to_string()), Some(place));
        for text in ["", "a", "~a", "x~a", "1.5~a"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_pages_of_a_list_have_each_item_once_in_both_directions() {
        let list = || ["d", "a", "c", "b", "e"].map(str::to_owned).to_vec();
        for (newest_first, wanted) in [(false, ["a", "b", "c", "d", "e"]), (true, ["e", "d", "c", "b", "a"])] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = Page::of_list(list(), &PageRequest { after, most: 2, newest_first }, |text| text);
                assert!(page.items.len() <= 2);
                seen.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, wanted);
        }
    }
}
