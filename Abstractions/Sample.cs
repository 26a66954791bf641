namespace Lockstep.Abstractions;

/// <summary>Where a data source writes one sample: straight into the batch's tensors.</summary>
public readonly unsafe ref struct Sample
{
    private readonly IReadOnlyList<DataField> _fields;
    private readonly ReadOnlySpan<nint> _starts;
    private readonly long _at;

    /// <param name="fields">As the source has them.</param>
    /// <param name="starts">By field: the address of the first sample of a batch, which outlives this.</param>
    /// <param name="at">Which sample of the batch.</param>
    /// <param name="seed">See <see cref="Seed"/>.</param>
    internal Sample(IReadOnlyList<DataField> fields, ReadOnlySpan<nint> starts, long at, ulong? seed)
    {
        Seed = seed;
        _fields = fields;
        _starts = starts;
        _at = at;
    }

    /// <value>The tensors of a sample, in the source's order.</value>
    public IReadOnlyList<DataField> Fields => _fields;

    /// <value>
    /// In training: a number that follows from the job's seed, the step, the slot and the sample's index, by which the sample may vary (a part of an image, a mirrored one): the same for whoever computes the slot.
    /// Null: the sample is looked at or measured on, and is read as it is.
    /// </value>
    public ulong? Seed { get; }

    /// <summary>The numbers of a field of floats, row-major: as many as <see cref="DataField.Length"/>.</summary>
    /// <param name="field">Its place in <see cref="Fields"/>.</param>
    /// <exception cref="InvalidOperationException">The field is of whole numbers.</exception>
    public Span<float> Floats(int field) => new((float*)Start(field, FieldType.Float32, sizeof(float)), _fields[field].Length);

    /// <summary>The numbers of a field of whole numbers, row-major: as many as <see cref="DataField.Length"/>.</summary>
    /// <param name="field">Its place in <see cref="Fields"/>.</param>
    /// <exception cref="InvalidOperationException">The field is of floats.</exception>
    public Span<long> Integers(int field) => new((long*)Start(field, FieldType.Int64, sizeof(long)), _fields[field].Length);

    /// <summary>As <see cref="Floats(int)"/>, by the field's name.</summary>
    /// <param name="field">A name in <see cref="Fields"/>.</param>
    /// <exception cref="ArgumentException">There is no such field.</exception>
    /// <exception cref="InvalidOperationException">The field is of whole numbers.</exception>
    public Span<float> Floats(string field) => Floats(IndexOf(field));

    /// <summary>As <see cref="Integers(int)"/>, by the field's name.</summary>
    /// <param name="field">A name in <see cref="Fields"/>.</param>
    /// <exception cref="ArgumentException">There is no such field.</exception>
    /// <exception cref="InvalidOperationException">The field is of floats.</exception>
    public Span<long> Integers(string field) => Integers(IndexOf(field));

    /// <summary>Sets a field of one number, such as a class's index.</summary>
    /// <param name="field">A name in <see cref="Fields"/>.</param>
    /// <param name="value">Rounded to float32 where the field is of floats.</param>
    /// <exception cref="ArgumentException">There is no such field.</exception>
    public void Set(string field, long value)
    {
        int at = IndexOf(field);
        if (_fields[at].Type == FieldType.Int64)
        {
            Integers(at)[0] = value;
        }
        else
        {
            Floats(at)[0] = value;
        }
    }

    private void* Start(int field, FieldType type, int size) => _fields[field].Type == type
        ? (byte*)_starts[field] + (_at * _fields[field].Length * size)
        : throw new InvalidOperationException($"The field '{_fields[field].Name}' is of {_fields[field].Type}: read it as such.");

    private int IndexOf(string name)
    {
        for (int i = 0; i < _fields.Count; i++)
        {
            if (_fields[i].Name == name)
            {
                return i;
            }
        }

        throw new ArgumentException($"There is no field '{name}'; there are {string.Join(", ", _fields.Select(field => field.Name))}.", nameof(name));
    }
}
