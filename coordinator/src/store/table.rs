//! A table's rows in Rust, and its columns, written once: [`table!`] declares the struct of a row and says of each field in
//! which column it stands. What is selected, bound, read and updated follows from that.

use super::{
    cells::{Cell, Cells, Value},
    error::Rows,
};

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub name: &'static str,
    pub role: Role,
}

/// What a column is to its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The row is found by it.
    Key,
    /// Stored with the row, and never changed.
    Fixed,
    /// Stored with the row, and again whenever the row is.
    Changing,
    /// Stored again where it is another: indexes hang on it, and SQLite writes anew those of every column that is set.
    Indexed,
}

/// A value that stands in one column or in several.
pub(super) trait Stored: Sized {
    /// Appends its columns; `field` is the name of a value that takes one.
    fn columns(field: &'static str, role: Role, all: &mut Vec<Column>);
    /// Appends its values, one a column.
    fn bind(&self, values: &mut Vec<Value>);
    /// Reads it from the next cells.
    fn read(cells: &mut Cells<'_>) -> Rows<Self>;
}

/// A row of a table.
pub(super) trait Record: Stored {
    /// The table.
    const TABLE: &'static str;
    /// Appends the values of the columns of these roles.
    fn bind_only(&self, is: impl Fn(Role) -> bool, values: &mut Vec<Value>);

    /// All columns, as [`bind`](Stored::bind) and [`read`](Stored::read) take them.
    fn all_columns() -> Vec<Column> {
        let mut all = Vec::new();
        Self::columns("", Role::Fixed, &mut all);
        all
    }
}

/// A struct whose fields stand in columns, for use in a row: `field: Type [= "column"]`.
macro_rules! columns {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident {
            $($(#[$doc:meta])* $fvis:vis $field:ident: $type:ty $(= $column:literal)?,)*
        }
    ) => {
        $(#[$meta])* $vis struct $name { $($(#[$doc])* $fvis $field: $type,)* }

        $crate::store::table::stored! { $name { $($field: $type $(= $column)?,)* } }
    };
}
pub(super) use columns;

/// What [`columns!`] says, of a struct that is declared elsewhere.
macro_rules! stored {
    ($name:ty { $($field:ident: $type:ty $(= $column:literal)?,)* }) => {
        $crate::store::table::stored! { $name, role: $($field: $type, role $(, $column)?;)* }
    };
    // Each field with the role of its columns, which may be the `$given` one: what the row says of the whole struct.
    ($name:ty, $given:ident: $($field:ident: $type:ty, $role:expr $(, $column:literal)?;)*) => {
        impl $crate::store::table::Stored for $name {
            fn columns(
                _: &'static str,
                $given: $crate::store::table::Role,
                all: &mut Vec<$crate::store::table::Column>,
            ) {
                $(<$type as $crate::store::table::Stored>::columns(
                    $crate::store::table::column!($field $($column)?), $role, all,
                );)*
            }

            fn bind(&self, values: &mut Vec<$crate::store::cells::Value>) {
                $($crate::store::table::Stored::bind(&self.$field, values);)*
            }

            fn read(cells: &mut $crate::store::cells::Cells<'_>) -> $crate::store::error::Rows<Self> {
                Ok(Self { $($field: $crate::store::table::Stored::read(cells)?,)* })
            }
        }
    };
}
pub(super) use stored;

/// The struct of a table's rows: `field: Type = Role ["column"]`.
macro_rules! table {
    (
        $table:literal:
        $(#[$meta:meta])* $vis:vis struct $name:ident {
            $($(#[$doc:meta])* $fvis:vis $field:ident: $type:ty = $role:ident $($column:literal)?,)*
        }
    ) => {
        $(#[$meta])* $vis struct $name { $($(#[$doc])* $fvis $field: $type,)* }

        $crate::store::table::stored! {
            $name, _role: $($field: $type, $crate::store::table::Role::$role $(, $column)?;)*
        }

        impl $crate::store::table::Record for $name {
            const TABLE: &'static str = $table;

            fn bind_only(
                &self,
                is: impl Fn($crate::store::table::Role) -> bool,
                values: &mut Vec<$crate::store::cells::Value>,
            ) {
                $(if is($crate::store::table::Role::$role) {
                    $crate::store::table::Stored::bind(&self.$field, values);
                })*
            }
        }
    };
}
pub(super) use table;

/// A field's column: as it is called, or as the field is.
macro_rules! column {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $column:literal) => {
        $column
    };
}
pub(super) use column;

impl<T: Cell> Stored for T {
    fn columns(field: &'static str, role: Role, all: &mut Vec<Column>) {
        all.push(Column { name: field, role });
    }

    fn bind(&self, values: &mut Vec<Value>) {
        values.push(self.value());
    }

    fn read(cells: &mut Cells<'_>) -> Rows<Self> {
        cells.next()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn columns(field: &'static str, role: Role, all: &mut Vec<Column>) {
        A::columns(field, role, all);
        B::columns(field, role, all);
    }

    fn bind(&self, values: &mut Vec<Value>) {
        self.0.bind(values);
        self.1.bind(values);
    }

    fn read(cells: &mut Cells<'_>) -> Rows<Self> {
        Ok((A::read(cells)?, B::read(cells)?))
    }
}
