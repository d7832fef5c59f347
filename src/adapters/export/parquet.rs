//! A Parquet file, a row group at a time.

use std::io::Write;
use std::sync::Arc;

use chrono::DateTime;
use chrono::NaiveDate;
use parquet::basic::Compression;
use parquet::basic::LogicalType;
use parquet::basic::Repetition;
use parquet::basic::TimeUnit;
use parquet::basic::Type as Physical;
use parquet::data_type::ByteArray;
use parquet::data_type::ByteArrayType;
use parquet::data_type::Int32Type;
use parquet::data_type::Int64Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::record::Field;
use parquet::schema::types::Type;

use crate::adapters::export::Column;
use crate::adapters::export::ExportFault;
use crate::adapters::export::Kind;
use crate::domain::units::AMOUNT_DECIMALS;
use crate::domain::units::Amount;

/// Rows of one group, held in memory until they are written.
const GROUP_ROWS: usize = 65_536;
/// Digits of a decimal in 64 bits.
const PRECISION: i32 = 18;

/// The values of one column's group; the missing ones are only in the levels.
enum Values {
    Texts(Vec<ByteArray>),
    Short(Vec<i32>),
    Long(Vec<i64>),
}

struct Buffer {
    column: Column,
    values: Values,
    /// 1 for a value, 0 for a missing one.
    levels: Vec<i16>,
}

impl Buffer {
    fn new(column: Column) -> Self {
        let values = match column.kind {
            Kind::Text => Values::Texts(Vec::new()),
            Kind::Whole | Kind::Date => Values::Short(Vec::new()),
            Kind::Decimal | Kind::Time => Values::Long(Vec::new()),
        };
        Self {
            column,
            values,
            levels: Vec::new(),
        }
    }

    fn push(&mut self, text: &str) -> Result<(), ExportFault> {
        self.levels.push(i16::from(!text.is_empty()));
        if text.is_empty() {
            return Ok(());
        }
        let fault = |expected| ExportFault::Cell {
            column: self.column.name,
            text: text.chars().take(40).collect(),
            expected,
        };
        match &mut self.values {
            Values::Texts(values) => values.push(ByteArray::from(text)),
            Values::Short(values) => values.push(match self.column.kind {
                Kind::Date => days(text).ok_or_else(|| fault("a date"))?,
                _ => text.parse().map_err(|_| fault("a whole number"))?,
            }),
            Values::Long(values) => values.push(match self.column.kind {
                Kind::Time => millis(text).ok_or_else(|| fault("a time of RFC 3339"))?,
                _ => Amount::parse(text)
                    .map_err(|_| fault("a number of at most six decimals"))?
                    .micros(),
            }),
        }
        Ok(())
    }
}

/// Days since 1970.
fn days(text: &str) -> Option<i32> {
    let day: NaiveDate = text.parse().ok()?;
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

fn millis(text: &str) -> Option<i64> {
    // Unlike RFC 3339 this reads years of five digits, which an earlier program may have stored.
    let time = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%:z").ok()?;
    Some(time.timestamp_millis())
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Whole => (Physical::INT32, None),
        Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
        Kind::Time => (
            Physical::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
        ),
        Kind::Decimal => {
            let scale = i32::try_from(AMOUNT_DECIMALS).unwrap_or(i32::MAX);
            let decimal = Type::primitive_type_builder(column.name, Physical::INT64)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::decimal(scale, PRECISION)))
                .with_precision(PRECISION)
                .with_scale(scale);
            return decimal.build();
        }
    };
    Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Reads a file of these columns row by row, each as the texts it was written from; what is noted in its footer.
///
/// # Errors
/// A file that cannot be read, or has other columns.
pub fn read(
    file: std::fs::File,
    columns: &[Column],
    mut each: impl FnMut(&[String]),
) -> Result<Vec<(String, String)>, ExportFault> {
    let reader = SerializedFileReader::new(file)?;
    let metadata = reader.metadata().file_metadata();
    let expected: Vec<Arc<Type>> = columns
        .iter()
        .map(|column| field(column).map(Arc::new))
        .collect::<Result<_, _>>()?;
    if metadata.schema().get_fields() != expected.as_slice() {
        return Err(ParquetError::General("its columns are others".to_owned()).into());
    }
    let remarks = metadata.key_value_metadata().into_iter().flatten();
    let remarks =
        remarks.map(|remark| (remark.key.clone(), remark.value.clone().unwrap_or_default()));
    let remarks = remarks.collect();
    let mut cells = Vec::with_capacity(columns.len());
    for row in reader.get_row_iter(None)? {
        let row = row?;
        cells.clear();
        for (_, value) in row.get_column_iter() {
            cells.push(match value {
                Field::Null => String::new(),
                Field::Str(text) => text.clone(),
                Field::Int(number) => number.to_string(),
                Field::Date(days) => {
                    let later = chrono::TimeDelta::days(i64::from(*days));
                    let day = NaiveDate::default().checked_add_signed(later);
                    day.map(|day| day.to_string()).unwrap_or_default()
                }
                other => other.to_string(),
            });
        }
        each(&cells);
    }
    Ok(remarks)
}

/// A table being written.
pub struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    buffers: Vec<Buffer>,
    rows: usize,
}

impl<W: Write + Send> Table<W> {
    /// Begins a file of these columns.
    ///
    /// # Errors
    /// When writing fails.
    pub fn begin(columns: &[Column], out: W) -> Result<Self, ExportFault> {
        let fields = columns.iter().map(|column| field(column).map(Arc::new));
        let fields = fields.collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("skytier")
            .with_fields(fields)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("skytier {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Self {
            writer,
            buffers: columns.iter().copied().map(Buffer::new).collect(),
            rows: 0,
        })
    }

    /// Takes one row.
    ///
    /// # Errors
    /// When writing fails, or a text does not fit its column.
    ///
    /// # Panics
    /// When there are not as many texts as columns.
    pub fn row<T: AsRef<str>>(&mut self, cells: &[T]) -> Result<(), ExportFault> {
        assert_eq!(cells.len(), self.buffers.len(), "a text for each column");
        for (buffer, cell) in self.buffers.iter_mut().zip(cells) {
            buffer.push(cell.as_ref())?;
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS {
            self.write()?;
        }
        Ok(())
    }

    /// Writes the rows held as one group.
    fn write(&mut self) -> Result<(), ExportFault> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for buffer in &mut self.buffers {
            let levels = std::mem::take(&mut buffer.levels);
            let Some(mut column) = group.next_column()? else {
                break;
            };
            match &mut buffer.values {
                Values::Texts(values) => {
                    let values = std::mem::take(values);
                    let typed = column.typed::<ByteArrayType>();
                    typed.write_batch(&values, Some(&levels), None)?;
                }
                Values::Short(values) => {
                    let values = std::mem::take(values);
                    let typed = column.typed::<Int32Type>();
                    typed.write_batch(&values, Some(&levels), None)?;
                }
                Values::Long(values) => {
                    let values = std::mem::take(values);
                    let typed = column.typed::<Int64Type>();
                    typed.write_batch(&values, Some(&levels), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Notes something in the footer.
    pub fn remark(&mut self, name: &str, text: String) {
        let remark = KeyValue::new(name.to_owned(), text);
        self.writer.append_key_value_metadata(remark);
    }

    /// Writes what is left, and the footer.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> Result<(), ExportFault> {
        self.write()?;
        self.writer.close()?;
        Ok(())
    }
}
