using System.Globalization;
using System.Xml.Linq;

namespace OrleansNotify.Benchmarks.Plots;

/// <summary>Lines over two axes as an SVG of its own: no script, no font, and its own colours for light and dark.</summary>
/// <param name="title">Above it.</param>
/// <param name="x">Across.</param>
/// <param name="y">Up.</param>
internal sealed class SvgPlot(string title, PlotAxis x, PlotAxis y)
{
    private const double Width = 720, Height = 420, Left = 76, Right = 24, Top = 76, Bottom = 56;

    // As many lines as there are servers; the same server has the same colour in every plot, and a dash of its own for those who do not see it.
    private static readonly string[] Dashes = ["", "7 4", "2 4", "9 3 2 3"];

    private const string Style = """
        text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 16px; font-weight: 600 }
        .ground { fill: #ffffff } .grid { stroke: #d1d9e0 } .axis { stroke: #59636e } .line { fill: none; stroke-width: 2.5 }
        .s0 { stroke: #0b62d6 } .s1 { stroke: #bc4c00 } .s2 { stroke: #1a7f37 } .s3 { stroke: #8250df }
        circle.s0 { fill: #0b62d6 } circle.s1 { fill: #bc4c00 } circle.s2 { fill: #1a7f37 } circle.s3 { fill: #8250df }
        @media (prefers-color-scheme: dark) {
          text { fill: #f0f6fc } .ground { fill: #0d1117 } .grid { stroke: #30363d } .axis { stroke: #9198a1 }
          .s0 { stroke: #58a6ff } .s1 { stroke: #f0883e } .s2 { stroke: #56d364 } .s3 { stroke: #bc8cff }
          circle.s0 { fill: #58a6ff } circle.s1 { fill: #f0883e } circle.s2 { fill: #56d364 } circle.s3 { fill: #bc8cff }
        }
        """;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly List<(string Name, (double X, double Y)[] Points)> _lines = [];

    /// <summary>Adds a line, at most four.</summary>
    /// <param name="name">In the legend.</param>
    /// <param name="points">From left to right.</param>
    public void Add(string name, IEnumerable<(double X, double Y)> points) => _lines.Add((name, [.. points]));

    /// <summary>The document.</summary>
    public string Render()
    {
        var points = _lines.SelectMany(line => line.Points).ToArray();
        if (points.Length == 0)
            throw new InvalidOperationException($"There is nothing to draw in \"{title}\".");
        var xs = Scale.Over(x, points.Select(point => point.X));
        var ys = Scale.Over(y, points.Select(point => point.Y));
        var root = new XElement(
            Svg + "svg",
            new XAttribute("viewBox", $"0 0 {Text(Width)} {Text(Height)}"),
            new XAttribute("role", "img"),
            new XElement(Svg + "title", title),
            new XElement(Svg + "style", Style),
            Element("rect", ("class", "ground"), ("width", Text(Width)), ("height", Text(Height))),
            Label(title, Left, 26, "start", "title"));
        foreach (var tick in xs.Ticks)
        {
            root.Add(Line("grid", AtX(tick), Top, AtX(tick), Height - Bottom));
            root.Add(Label(Short(tick), AtX(tick), Height - Bottom + 20, "middle"));
        }
        foreach (var tick in ys.Ticks)
        {
            root.Add(Line("grid", Left, AtY(tick), Width - Right, AtY(tick)));
            root.Add(Label(Short(tick), Left - 8, AtY(tick) + 4, "end"));
        }
        root.Add(Line("axis", Left, Height - Bottom, Width - Right, Height - Bottom));
        root.Add(Line("axis", Left, Top, Left, Height - Bottom));
        root.Add(Label(x.Title, (Left + Width - Right) / 2, Height - 14, "middle"));
        var upright = Label(y.Title, 0, 0, "middle");
        upright.Add(new XAttribute("transform", $"translate(18 {Text((Top + Height - Bottom) / 2)}) rotate(-90)"));
        root.Add(upright);
        for (var i = 0; i < _lines.Count; i++)
        {
            var (name, line) = _lines[i];
            var left = Left + i * 160.0;
            root.Add(Stroke(i, $"M{Text(left)} 50H{Text(left + 34)}"));
            root.Add(Label(name, left + 42, 54, "start"));
            if (line.Length > 0)
                root.Add(Stroke(i, "M" + string.Join('L', line.Select(point => $"{Text(AtX(point.X))} {Text(AtY(point.Y))}"))));
            root.Add(line.Select(point => Element("circle", ("class", $"s{i}"), ("cx", Text(AtX(point.X))), ("cy", Text(AtY(point.Y))), ("r", "3.5"))));
        }
        return root.ToString();

        double AtX(double value) => Left + xs.Share(value) * (Width - Left - Right);

        double AtY(double value) => Height - Bottom - ys.Share(value) * (Height - Top - Bottom);
    }

    private static XElement Stroke(int line, string path) => Element("path", ("class", $"line s{line}"), ("d", path), ("stroke-dasharray", Dashes[line]));

    private static XElement Line(string kind, double x1, double y1, double x2, double y2) =>
        Element("line", ("class", kind), ("x1", Text(x1)), ("y1", Text(y1)), ("x2", Text(x2)), ("y2", Text(y2)));

    private static XElement Label(string text, double left, double top, string anchor, string kind = "label") =>
        new(Svg + "text", new XAttribute("class", kind), new XAttribute("x", Text(left)), new XAttribute("y", Text(top)), new XAttribute("text-anchor", anchor), text);

    private static XElement Element(string name, params (string Name, string Value)[] attributes) =>
        new(Svg + name, attributes.Where(attribute => attribute.Value.Length > 0).Select(attribute => new XAttribute(attribute.Name, attribute.Value)));

    private static string Text(double number) => Math.Round(number, 2).ToString(CultureInfo.InvariantCulture);

    private static string Short(double number) => number switch
    {
        >= 1_000_000 => Text(number / 1_000_000) + "M",
        >= 1_000 => Text(number / 1_000) + "k",
        _ => number.ToString("G4", CultureInfo.InvariantCulture),
    };

    // Powers of ten, or from 0 in steps of 1, 2 or 5 times one.
    private sealed record Scale(bool IsLogarithmic, double From, double To, double[] Ticks)
    {
        public static Scale Over(PlotAxis axis, IEnumerable<double> values)
        {
            var all = values.ToArray();
            if (axis.IsLogarithmic)
            {
                var least = (int)Math.Floor(Math.Log10(all.Min()));
                var most = Math.Max(least + 1, (int)Math.Ceiling(Math.Log10(all.Max())));
                return new Scale(true, least, most, [.. Enumerable.Range(least, most - least + 1).Select(power => Math.Pow(10, power))]);
            }
            var highest = Math.Max(all.Max(), double.Epsilon);
            var power = Math.Pow(10, Math.Floor(Math.Log10(highest)));
            var step = (highest / power) switch { <= 2 => power / 2, <= 5 => power, _ => power * 2 };
            var steps = (int)Math.Ceiling(highest / step);
            return new Scale(false, 0, steps * step, [.. Enumerable.Range(0, steps + 1).Select(i => i * step)]);
        }

        public double Share(double value) => ((IsLogarithmic ? Math.Log10(value) : value) - From) / (To - From);
    }
}

/// <summary>One axis.</summary>
/// <param name="Title">What, and its unit.</param>
/// <param name="IsLogarithmic">Values are then above 0.</param>
internal sealed record PlotAxis(string Title, bool IsLogarithmic = false);
