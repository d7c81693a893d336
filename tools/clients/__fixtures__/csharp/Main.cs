using System;
using System.Threading.Tasks;
using Authgear.Xamarin;

/// <summary>Runs the code of the page, and prints one line for each result.</summary>
public static class Program
{
    private static async Task Print(string name, Func<Task<string>> work)
    {
        try
        {
            Console.WriteLine(name + "=" + await work());
        }
        catch (ValetKeyException failure)
        {
            Console.WriteLine(name + "=" + failure.Code + " " + failure.RetryAfter.TotalSeconds + " " + failure.RequestId);
        }
    }

    private static async Task RunAsync()
    {
        var broker = Environment.GetEnvironmentVariable("BROKER_URL");
        var token = Environment.GetEnvironmentVariable("APP_TOKEN");
        var valet = Vendors.CreateValetKey(new AuthgearSdk(), broker);
        await Print("nudge", () => Vendors.NudgeTokenAsync(valet));
        await Print("nabla", async () => (await Vendors.NablaTokensAsync(valet)).Item2);
        await Print("vital", () => Vendors.VitalSignInTokenAsync(valet));
        await Print("nymbl", () => Screen.LoadAsync(valet));
        await Print("forbidden", async () => (await valet.GetAsync("nymbl", "/Billing")).Body);
        await Print("unavailable", async () => (await valet.IssueAsync("busy")).GetString());
        var forced = new ValetKey(broker, force => Task.FromResult(force ? token : "stale"));
        await Print("forced", () => Vendors.VitalSignInTokenAsync(forced));
        ValetKey leaving = null;
        leaving = new ValetKey(broker, force =>
        {
            leaving.SignOut();
            return Task.FromResult(token);
        });
        await Print("signed out", () => Vendors.VitalSignInTokenAsync(leaving));
    }

    public static void Main()
    {
        RunAsync().GetAwaiter().GetResult();
    }
}
