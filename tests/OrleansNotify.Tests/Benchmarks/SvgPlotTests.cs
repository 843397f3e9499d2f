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
        // Across by powers of ten, up in proportion.
        Assert.Equal(circles[1].X - circles[0].X, circles[2].X - circles[1].X, 0.02);
        Assert.Equal(circles[0].Y - circles[1].Y, circles[1].Y - circles[2].Y, 0.02);
        Assert.Equal((circles[0].Y - circles[1].Y) / 2, circles[0].Y - circles[3].Y, 0.02);
        Assert.True(circles[0].Y > circles[2].Y);
        var texts = svg.Elements(Svg + "text").Select(text => text.Value).ToArray();
        Assert.Equal(["Less < \"more\" & so on", "10", "100", "1k", "0", "500", "1k", "subscribers", "deliveries/s", "ours", "signalr"], texts);
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
