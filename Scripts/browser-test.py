"""The browser test itself; Scripts/browser-test sets up what it needs."""
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

BINARY, SCREENSHOTS = sys.argv[1:]
SIZES = {"phone": (390, 844), "small": (375, 667), "desktop": (1280, 800)}
FOLDER = tempfile.mkdtemp(prefix="browser-test-")


class Server:
    running = []

    def __init__(self, port=0):
        self.process = subprocess.Popen(
            [BINARY, "--port", str(port)], cwd=FOLDER, stdout=subprocess.PIPE, text=True
        )
        Server.running.append(self.process)
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        assert match, f"the server said {line!r}"
        self.port = int(match[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=10)
        assert status == 0, f"the server ended with {status}"


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, name, server, agent=None):
        self.name = name
        # localhost: browsers keep Secure cookies of it, also over plain HTTP.
        self.site = f"http://localhost:{server.port}"
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                         "--no-first-run", f"--user-data-dir={FOLDER}/{name}"]:
            options.add_argument(argument)
        if agent:
            options.add_argument(f"--user-agent={agent}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.size("desktop")

    def size(self, name, dark=False):
        width, height = SIZES[name]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        })
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        })

    def open(self, path):
        self.driver.get(self.site + path)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def has(self, selector):
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    @property
    def text(self):
        return self.find("body").text

    def submit(self, selector):
        """Presses a button with the keyboard and waits for the next page."""
        button = self.find(selector)
        page = self.find("html")
        button.send_keys(Keys.ENTER)
        WebDriverWait(self.driver, 10).until(lambda _: self.is_gone(page))

    def is_gone(self, element):
        try:
            element.is_enabled()
            return False
        except Exception:
            return self.driver.execute_script("return document.readyState") == "complete"

    def login(self, name):
        self.open("/login")
        self.find("#name").send_keys(name)
        self.submit("main form button")

    def add(self, item):
        self.find("#item").send_keys(item)
        self.submit("form.add button")

    def cookie(self):
        return next((c for c in self.driver.get_cookies() if c["name"] == "__Host-session"), None)

    def shoot(self, page):
        """Keeps pictures of the page, and checks that it fits: no sideways scrolling, buttons a finger can hit."""
        for size in SIZES:
            for dark in [False, True]:
                self.size(size, dark)
                width = self.driver.execute_script("return document.documentElement.scrollWidth")
                assert width <= SIZES[size][0], f"{page} is {width} pixels wide at {SIZES[size][0]}"
                assert self.find("header").size["height"] <= 80, f"{page}: the header takes two lines at {size}"
                for button in self.driver.find_elements(By.CSS_SELECTOR, "button, input:not([type=hidden])"):
                    assert button.size["height"] >= 44, f"{page}: {button.text!r} is {button.size} at {size}"
                if size != "small":
                    suffix = f"{size}{'-dark' if dark else ''}"
                    self.driver.save_screenshot(f"{SCREENSHOTS}/{page}-{suffix}.png")
        self.size("desktop")


def is_signed_in(browser):
    browser.open("/")
    return browser.has("#logout")


def step(text):
    print(f"ok  {text}", flush=True)


def test(server):
    phone_agent = ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                   "Version/17.5 Mobile/15E148 Safari/604.1")
    laptop, phone = Browser("laptop", server), Browser("phone", server, phone_agent)

    laptop.open("/")
    laptop.open("/")
    assert "Hello, stranger" in laptop.text, laptop.text
    assert laptop.cookie() is None, f"a look around sets a cookie: {laptop.cookie()}"
    laptop.shoot("home-stranger")
    laptop.open("/login")
    assert laptop.driver.switch_to.active_element.get_attribute("id") == "name", "the name has no focus"
    laptop.shoot("login")
    step("looking around makes no session")

    laptop.open("/")
    laptop.add("Apples <b>bold</b>")
    before = laptop.cookie()
    assert before and before["secure"] and before["httpOnly"] and before["sameSite"] == "Lax", f"cookie {before}"
    assert "Apples <b>bold</b>" in laptop.text, "the item is not there, or not as text"
    step("the cart makes a session; its cookie is Secure, HttpOnly, SameSite=Lax")

    laptop.login("ada")
    assert "Hello, ada" in laptop.text and "Welcome, ada" in laptop.text
    assert laptop.cookie()["value"] != before["value"], "signing in kept the token"
    assert "Apples" in laptop.text, "signing in lost the cart"
    laptop.open("/")
    assert "Welcome" not in laptop.text, "the notice was shown twice"
    step("signing in gives a new token, keeps the cart, shows its notice once")

    for item in ["Bread", "Bread", "Coffee"]:
        laptop.add(item)
    assert "× 2" in laptop.text
    laptop.shoot("home")
    laptop.submit("button[aria-label='Remove Bread']")
    rows = [row.text for row in laptop.driver.find_elements(By.CSS_SELECTOR, ".rows .name")]
    assert rows == ["Apples <b>bold</b>", "Coffee"], rows
    visits = int(re.search(r"\d+", laptop.find("#visits").text)[0])
    laptop.open("/")
    assert int(re.search(r"\d+", laptop.find("#visits").text)[0]) == visits + 1
    step("items are added and removed, visits are counted")

    phone.login("ada")
    assert "Apples" not in phone.text, "the cart is the other session's"
    laptop.open("/devices")
    labels = [h.text for h in laptop.driver.find_elements(By.CSS_SELECTOR, ".devices h2")]
    assert len(labels) == 2 and sum("This device" in label for label in labels) == 1, labels
    assert any("iPhone" in label or "iOS" in label for label in labels), labels
    laptop.shoot("devices")
    step("both browsers are in the list of devices")

    server.stop()
    server = Server(server.port)
    assert is_signed_in(laptop) and is_signed_in(phone), "the restart signed somebody out"
    assert "Coffee" in laptop.text
    step("a restart of the server keeps everybody signed in")

    laptop.open("/devices")
    laptop.submit(".devices li:not([data-current]) button")
    assert "signed out" in laptop.text and len(laptop.driver.find_elements(By.CSS_SELECTOR, ".devices li")) == 1
    assert not is_signed_in(phone), "the other device is still signed in"
    assert is_signed_in(laptop), "this device was signed out"
    phone.open("/devices")
    assert phone.driver.current_url.endswith("/login"), "the device list of nobody"
    step("signing out the other device signs it out, and nobody else")

    phone.login("ada")
    laptop.open("/devices")
    laptop.submit("#end-others")
    assert "One other device is signed out" in laptop.text
    assert not is_signed_in(phone) and is_signed_in(laptop)
    step("so does signing out everywhere else")

    laptop.open("/")
    laptop.driver.execute_script("document.activeElement.blur()")
    stops = []
    for _ in range(12):
        laptop.driver.switch_to.active_element.send_keys(Keys.TAB)
        element = laptop.driver.switch_to.active_element
        if element.tag_name == "body":
            break
        outline = element.value_of_css_property("outline-style")
        assert outline != "none", f"no visible focus on {element.get_attribute('outerHTML')[:80]}"
        stops.append(element.text or element.get_attribute("id"))
    assert "Skip to content" in stops and "Sign out" in stops and "Add" in stops, stops
    laptop.shoot("home-focus")
    step("the keyboard reaches everything, and the focus can be seen")

    token = laptop.cookie()["value"]
    laptop.submit("#logout")
    assert "You are signed out" in laptop.text and laptop.cookie() is None
    laptop.driver.add_cookie({"name": "__Host-session", "value": token, "path": "/", "secure": True})
    assert not is_signed_in(laptop), "the token lives on after the logout"
    step("signing out ends the session and clears the cookie")

    for browser in [laptop, phone]:
        problems = [e["message"] for e in browser.driver.get_log("browser")
                    if e["level"] == "SEVERE"]
        assert not problems, problems
        browser.driver.quit()
    step("no errors in the browsers' consoles")
    server.stop()


server = Server()
try:
    test(server)
finally:
    for process in Server.running:
        process.kill()
        process.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)
