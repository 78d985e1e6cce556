from ninja import NinjaAPI

api = NinjaAPI(title="Infloo API", version="1.0.0", urls_namespace="api", openapi_url="/openapi.json", docs_url="/docs")
