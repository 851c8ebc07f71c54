"""The counter of the comparison with Django's sessions, in a database of SQLite or in Redis."""
import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, JsonResponse
from django.urls import path

kind, _, place = os.environ["SESSIONS"].partition(":")

settings.configure(
    DEBUG=False,
    SECRET_KEY="of no use to anybody",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_COOKIE_NAME="session",
    SESSION_ENGINE="django.contrib.sessions.backends." + ("db" if kind == "sqlite" else "cache"),
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": place,
            # One connection for each thread of a worker, as long as it lives.
            "CONN_MAX_AGE": None,
            # What Django's notes on SQLite say against "database is locked".
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    } if kind == "sqlite" else {},
    CACHES={
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"redis://{place}"}
    } if kind == "redis" else {},
)
django.setup()


def plain(request):
    return JsonResponse({"ok": True})


def counter(request):
    value = request.session.get("n", 0) + 1
    request.session["n"] = value
    return JsonResponse({"value": value})


def values(request):
    value = request.session.get("n")
    if value is None:
        raise Http404
    return JsonResponse(value, safe=False)


urlpatterns = [path("api/plain", plain), path("api/counter/n", counter), path("api/values/n", values)]
application = get_wsgi_application()

if __name__ == "__main__":
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
