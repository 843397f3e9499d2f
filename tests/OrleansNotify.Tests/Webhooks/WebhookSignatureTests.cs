using System.Text;
using OrleansNotify.AspNetCore.Webhooks;

namespace OrleansNotify.Tests.Webhooks;

public sealed class WebhookSignatureTests
{
    // The example in the specification of Standard Webhooks.
    [Fact]
    public void It_is_that_of_the_convention() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        WebhookSignature.Of(Convert.FromBase64String("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, Encoding.UTF8.GetBytes("""{"test": 2432232314}""")));

    [Theory]
    [InlineData("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 32)]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 32)]
    [InlineData("whsec_-_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 34)]
    [InlineData("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", null)]
    [InlineData("whsec_", null)]
    [InlineData("", null)]
    [InlineData("a sentence that is long enough but has blanks in it", null)]
    public void A_secret_is_32_bytes_or_more_in_base64(string text, int? length) =>
        Assert.Equal(length, WebhookSignature.TryReadSecret(text, out var secret) ? secret.Length : null);
}
