using System.Globalization;
using System.Xml.Linq;
using OrleansNotify.Benchmarks.Plots;

namespace OrleansNotify.Tests.Benchmarks;

public class SvgPlotTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Known_numbers_lie_where_their_axes_say()
    {
        var plot = new SvgPlot("Less < \"more\" & so on", new PlotAxis("subscribers", true), new PlotAxis("deliveries/s"));
        plot.Add("ours", [(10, 0), (100, 500), (1_000, 1_000)]);
        plot.Add("signalr", [(10, 250)]);

        var svg = XDocument.Parse(plot.Render()).Root!;

        var circles = svg.Elements(Svg + "circle").Select(circle => (Class: (string)circle.Attribute("class")!, X: Number(circle, "cx"), Y: Number(circle, "cy"))).ToArray();
        Assert.Equal(["s0", "s0", "s0", "s1"], circles.Select(circle => circle.Class));
        var texts = svg.Elements(Svg + "text").ToArray();
        Assert.Equal(["Less < \"more\" & so on", "10", "100", "1k", "0", "500", "1k", "subscribers", "deliveries/s", "ours", "signalr"], texts.Select(text => text.Value));
        // Across by powers of ten, up in proportion: above its label, and beside it (whose foot is 4 below its middle).
        Assert.Equal(texts[1..4].Select(label => Number(label, "x")), circles[..3].Select(circle => circle.X));
        Assert.Equal(texts[4..7].Select(label => Number(label, "y") - 4), circles[..3].Select(circle => circle.Y));
        Assert.Equal((circles[0].X, (circles[0].Y + circles[1].Y) / 2), (circles[3].X, circles[3].Y));
        // From one end of an axis to the other.
        var axes = svg.Elements(Svg + "line").Where(line => (string?)line.Attribute("class") == "axis").ToArray();
        Assert.Equal((Number(axes[0], "x1"), Number(axes[0], "x2")), (circles[0].X, circles[2].X));
        Assert.Equal((Number(axes[1], "y2"), Number(axes[1], "y1")), (circles[0].Y, circles[2].Y));
    }

    [Fact]
    public void Nothing_to_draw_is_an_error_that_names_the_plot()
    {
        var plot = new SvgPlot("Memory", new PlotAxis("x"), new PlotAxis("y"));
        plot.Add("ours", []);

        var error = Assert.Throws<InvalidOperationException>(plot.Render);

        Assert.Equal("There is nothing to draw in \"Memory\".", error.Message);
    }

    private static double Number(XElement element, string name) => double.Parse((string)element.Attribute(name)!, CultureInfo.InvariantCulture);
}
